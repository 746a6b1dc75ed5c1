/* What a brush covers: every cell of a width × height grid nearer than r to the line from a to b is put. Gives the box it looked at. Read before whatever paints: the mask editor and the raters' screen. */
function capsule(width, height, a, b, r, put) {
  const x0 = Math.floor(Math.min(a.x, b.x) - r), x1 = Math.ceil(Math.max(a.x, b.x) + r) + 1;
  const y0 = Math.floor(Math.min(a.y, b.y) - r), y1 = Math.ceil(Math.max(a.y, b.y) + r) + 1;
  const dx = b.x - a.x, dy = b.y - a.y, length = dx * dx + dy * dy;
  for (let y = Math.max(0, y0); y < Math.min(height, y1); y++) for (let x = Math.max(0, x0); x < Math.min(width, x1); x++) {
    const px = x + 0.5 - a.x, py = y + 0.5 - a.y;
    const t = length ? Math.min(1, Math.max(0, (px * dx + py * dy) / length)) : 0;
    if ((px - t * dx) ** 2 + (py - t * dy) ** 2 <= r * r) put(y * width + x);
  }
  return { x0, y0, x1, y1 };
}
