// The one place that binds htm to Preact. Importing the signals here makes every component that reads a signal
// re-render when the signal changes.
import { h } from "preact";
import htm from "htm";
import "@preact/signals";

export const html = htm.bind(h);
