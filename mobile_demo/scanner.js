/**
 * Where photos come from. A source mounts its control and hands each photo, a Blob, to `onPhoto`.
 *
 * Today both sources are file inputs: the phone's own camera app, and its library. Live scanning
 * will be a third entry of SOURCES, first in the row: its `mount` opens the camera stream and gives
 * the sharpest frames to the same `onPhoto`; nothing else on the page has to know.
 */

import { svgIcon } from "./dom.js";

const SOURCES = [
  {
    // On a desktop `capture` is ignored and this would be a second file chooser.
    isAvailable: () => matchMedia("(any-pointer: coarse)").matches,
    mount: (onPhoto) => fileSource({ name: "camera", label: "Take a photo", icon: "camera", capture: true, onPhoto }),
  },
  {
    isAvailable: () => true,
    mount: (onPhoto) => fileSource({ name: "library", label: "Choose a photo", icon: "picture", capture: false, onPhoto }),
  },
];

/**
 * Put the controls of every source of this device into `slot`: the first as the view's primary
 * button where `prominent`, else all of them small, as a way out of a view that is about something else.
 */
export function mountSources(slot, onPhoto, { prominent }) {
  const controls = SOURCES.filter((source) => source.isAvailable()).map((source) => source.mount(onPhoto));
  if (prominent) controls[0].querySelector(".button").classList.add("primary");
  slot.classList.toggle("is-aside", !prominent);
  slot.replaceChildren(...controls);
}

function fileSource({ name, label, icon, capture, onPhoto }) {
  const input = document.createElement("input");
  input.type = "file";
  input.accept = "image/*";
  input.name = name;
  input.setAttribute("aria-label", label);
  if (capture) input.setAttribute("capture", "environment");
  input.addEventListener("change", () => {
    const [photo] = input.files;
    if (photo) onPhoto(photo);
    input.value = ""; // The same file may be chosen again.
  });
  const face = document.createElement("span");
  face.className = "button";
  face.setAttribute("aria-hidden", "true");
  face.append(svgIcon(icon), label);
  const control = document.createElement("div");
  control.className = "source";
  control.append(face, input);
  return control;
}
