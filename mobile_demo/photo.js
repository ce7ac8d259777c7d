/**
 * The photo on the page, with the outlines of what was read in it.
 *
 * A canvas, because a `blob:` image would need more than `default-src 'self'`. `createImageBitmap`
 * turns the picture upright by its EXIF orientation, as the service does, so corners fit.
 */

import { svgElement } from "./dom.js";

const LONGEST_SIDE_PX = 1600;

/** A photo to be moved from view to view: `node` to show, `outline(...)` to draw on it. */
export async function preparePhoto(blob) {
  const picture = await draw(blob);
  return {
    node: picture,
    isBlank: picture.classList.contains("photo-blank"),
    outline: (scan, options) => outline(picture, scan, options),
  };
}

async function draw(blob) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob);
  } catch {
    return blank(); // A format that this browser can't show, such as HEIC, may still be read.
  }
  const scale = Math.min(1, LONGEST_SIDE_PX / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(bitmap.width * scale);
  canvas.height = Math.round(bitmap.height * scale);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "Your photo");
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return canvas;
}

function blank() {
  const node = document.createElement("p");
  node.className = "photo-blank";
  node.textContent = "This browser can't show your photo; the service may read it all the same.";
  return node;
}

/**
 * Draw the detections of `scan` over the picture: the chosen one bright, the rest of the photo dimmed.
 *
 * `choosable` holds the detections that `onChoose(detection)` may be called with; the others, whose
 * content nobody knows, are dashed.
 */
function outline(picture, scan, { chosen = null, choosable = [], onChoose = () => {} } = {}) {
  const { width, height, detections } = scan;
  if (picture.classList.contains("photo-blank")) picture.style.aspectRatio = `${width} / ${height}`;
  const layer = svgElement("svg", {
    viewBox: `0 0 ${width} ${height}`,
    preserveAspectRatio: "none",
    "aria-hidden": "true",
    focusable: "false",
  });
  if (chosen) layer.append(shade(chosen, width, height));
  for (const detection of detections) layer.append(...polygons(detection, { chosen, choosable, onChoose }));
  const numbers = choosable.length > 1 ? choosable.map((one, i) => number(one, i + 1, { scan, chosen })) : [];
  picture.parentElement.replaceChildren(picture, layer, ...numbers);
}

/** Corners are pixel centres at integers; SVG's unit square of the first pixel begins at 0. */
const pointsOf = (detection) => detection.corners.map(([x, y]) => [x + 0.5, y + 0.5]);

function shade(detection, width, height) {
  const hole = pointsOf(detection).map((point) => point.join(" ")).join("L");
  return svgElement("path", { class: "shade", d: `M0 0H${width}V${height}H0ZM${hole}Z` });
}

function polygons(detection, { chosen, choosable, onChoose }) {
  const points = pointsOf(detection).map((point) => point.join(",")).join(" ");
  const line = svgElement("polygon", { class: "outline", points });
  if (!choosable.includes(detection)) line.classList.add("is-unknown");
  if (detection === chosen) line.classList.add("is-chosen");
  if (choosable.length > 1 && choosable.includes(detection)) {
    line.classList.add("is-choosable");
    line.addEventListener("click", () => onChoose(detection));
  }
  return [svgElement("polygon", { class: "halo", points }), line];
}

/** The detection's number, at its middle. The same number stands in the row of choices. */
function number(detection, value, { scan, chosen }) {
  const points = pointsOf(detection);
  const middle = (axis, size) => {
    const mean = points.reduce((sum, point) => sum + point[axis], 0) / points.length;
    return `${Math.min(94, Math.max(6, (100 * mean) / size))}%`;
  };
  const badge = document.createElement("span");
  badge.className = "number";
  badge.textContent = value;
  badge.setAttribute("aria-hidden", "true");
  badge.classList.toggle("is-chosen", detection === chosen);
  badge.style.left = middle(0, scan.width);
  badge.style.top = middle(1, scan.height);
  return badge;
}
