// What can be said about the files without a browser: vendored code untouched, no inline code, files of a size to read.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";

const STATIC = join(import.meta.dirname, "../../static");
const LINES_AT_MOST = 400;

const vendored = {
  "preact-11.2.0.js": ["preact", "dist/preact.mjs"],
  "preact-hooks-11.2.0.js": ["preact", "hooks/dist/hooks.mjs"],
  "htm-3.1.1.js": ["htm", "dist/htm.mjs"],
  "preact-signals-core-1.14.5.js": ["@preact/signals-core", "dist/signals-core.mjs"],
  "preact-signals-2.11.4.js": ["@preact/signals", "dist/signals.mjs"],
  "event-calendar-5.10.1.js": ["@event-calendar/build", "dist/event-calendar.min.js"],
  "event-calendar-5.10.1.css": ["@event-calendar/build", "dist/event-calendar.min.css"],
  "uplot-1.6.32.js": ["uplot", "dist/uPlot.esm.js"],
  "uplot-1.6.32.css": ["uplot", "dist/uPlot.min.css"],
};

test("vendored files are what their authors published", () => {
  const present = readdirSync(join(STATIC, "vendor")).filter((name) => /\.(js|css)$/.test(name));
  assert.deepEqual(present.sort(), Object.keys(vendored).sort());
  for (const [file, [name, path]] of Object.entries(vendored)) {
    const ours = readFileSync(join(STATIC, "vendor", file));
    const theirs = readFileSync(join(import.meta.dirname, "node_modules", name, path));
    assert.ok(ours.equals(theirs), `${file} differs from ${name}/${path}`);
  }
});

test("our own files stay short enough to read", () => {
  for (const folder of ["js", "css"]) {
    for (const name of readdirSync(join(STATIC, folder), { recursive: true })) {
      if (!/\.(js|css)$/.test(name)) continue;
      const lines = readFileSync(join(STATIC, folder, name), "utf8").split("\n").length;
      assert.ok(lines <= LINES_AT_MOST, `${folder}/${name} has ${lines} lines`);
    }
  }
});

test("the page has no inline code but its import map", () => {
  const page = readFileSync(join(STATIC, "index.html"), "utf8");
  const inline = [...page.matchAll(/<script(?![^>]*\bsrc=)([^>]*)>/g)].map((match) => match[1].trim());
  assert.deepEqual(inline, ['type="importmap"']);
  assert.doesNotMatch(page, /\son\w+=|\sstyle=|<style/i);
  const map = JSON.parse(/<script type="importmap">([\s\S]*?)<\/script>/.exec(page)[1]);
  for (const path of Object.values(map.imports)) readFileSync(join(STATIC, path.replace("/static/", "")));
});

test("no view writes a style attribute as text", () => {
  for (const name of readdirSync(join(STATIC, "js"), { recursive: true })) {
    if (!name.endsWith(".js")) continue;
    assert.doesNotMatch(readFileSync(join(STATIC, "js", name), "utf8"), /<[^>]*\sstyle="|innerHTML|dangerouslySetInnerHTML/, name);
  }
});
