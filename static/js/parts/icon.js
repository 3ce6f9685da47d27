// Line icons on a 24 px grid. They only accompany words, so they are hidden from screen readers.
import { html } from "../html.js";

/** @type {Record<string, string>} */
const paths = {
  search: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14Zm5 12 4.5 4.5",
  calendar: "M4 6.500h16v13H4zM4 10.500h16M8 4v4M16 4v4",
  bell: "M12 4c-3.3 0-5.5 2.4-5.5 5.8 0 3.7-1 5.2-2 6.200h15c-1-1-2-2.5-2-6.200C17.5 6.4 15.3 4 12 4ZM10 19a2 2 0 0 0 4 0",
  inbox: "M4 13l2.5-8h11L20 13v6H4zM4 13h4.500c.5 2 1.8 3 3.5 3s3-1 3.5-3H20",
  clock: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16Zm0 3.500V12l3 2",
  ticket: "M4 7h16v3.500a1.5 1.5 0 0 0 0 3V17H4v-3.500a1.5 1.5 0 0 0 0-3zM14 7v2M14 11v2M14 15v2",
  user: "M12 4.500a3.8 3.8 0 1 0 0 7.5 3.8 3.8 0 0 0 0-7.500ZM4.5 20c.6-3.6 3.6-5.5 7.5-5.500s6.9 1.9 7.5 5.5",
  people: "M9 5.500a3.2 3.2 0 1 0 0 6.4 3.2 3.2 0 0 0 0-6.400ZM2.5 19c.5-3.2 3-4.8 6.5-4.800s6 1.6 6.5 4.800M16 6a3 3 0 0 1 0 5.800M18 14.600c2 .6 3.2 2.1 3.5 4.4",
  mail: "M4 6h16v12.500H4zM4 7l8 6.500L20 7",
  week: "M4 5h16v14.500H4zM4 9.500h16M9.3 9.500v10M14.7 9.500v10",
  menu: "M4 7h16M4 12h16M4 17h16",
  left: "M14.5 5.5 8 12l6.5 6.5",
  right: "M9.5 5.5 16 12l-6.5 6.5",
  down: "M5.5 9.5 12 16l6.5-6.5",
  check: "M5 12.5 10 17.5 19.5 7",
  cross: "M6 6l12 12M18 6 6 18",
  plus: "M12 5v14M5 12h14",
  video: "M3.5 7h11v10h-11zM14.5 11l6-3.500v9l-6-3.5",
  pin: "M12 20.500c4-4.3 6-7.6 6-10.300A6 6 0 0 0 6 10.200c0 2.7 2 6 6 10.300ZM12 8a2.2 2.2 0 1 0 0 4.400A2.2 2.2 0 0 0 12 8",
  globe: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16ZM4 12h16M12 4c2.3 2.2 3.4 4.9 3.4 8s-1.1 5.8-3.4 8c-2.3-2.2-3.4-4.9-3.4-8S9.7 6.2 12 4",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM12 2.500v2M12 19.500v2M2.5 12h2M19.5 12h2M5.3 5.300l1.4 1.400M17.3 17.300l1.4 1.400M5.3 18.700l1.4-1.400M17.3 6.700l1.4-1.4",
  moon: "M19.5 14.500A8 8 0 0 1 9.5 4.500a8 8 0 1 0 10 10Z",
  system: "M4 5.500h16v10.500H4zM9 20h6M12 16v4",
  out: "M10 4.500H5v15h5M14 8l4 4-4 4M18 12H9",
  edit: "M5 19l.8-4L16 4.800l3.2 3.200L9 18.200zM14 6.800l3.2 3.2",
  trash: "M4.5 7h15M9.5 7V4.500h5V7M6.5 7l.8 12.500h9.400L17.5 7M10.3 10.500v5.500M13.7 10.500v5.5",
  move: "M4 8h13l-3.5-3.500M20 16H7l3.5 3.5",
  download: "M12 4v11M7.5 11l4.5 4.5 4.5-4.500M5 20h14",
  offline: "M4 4l16 16M5 12.500a10 10 0 0 1 4-2.500M19 12.500a10 10 0 0 0-5-2.800M8.5 16a5 5 0 0 1 7 0M12 19.500h.01",
  star: "M12 4l2.5 5.1 5.6.8-4 4 .9 5.6-5-2.6-5 2.6.9-5.6-4-4 5.6-.800z",
  ban: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16ZM6.5 6.500l11 11",
  copy: "M8.5 8.500h11v11h-11zM15.5 8.500v-4h-11v11h4",
  retry: "M19 12a7 7 0 1 1-2.2-5.100M19.5 4v4h-4",
  more: "M6 12h.01M12 12h.01M18 12h.01",
};

/** @param {{name: keyof typeof paths, size?: number, solid?: boolean}} props */
export const Icon = ({ name, size = 20, solid = false }) => html`
  <svg class=${solid ? "icon solid" : "icon"} width=${size} height=${size} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
    <path d=${paths[name]} />
  </svg>`;
