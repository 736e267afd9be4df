// Attention as a triangle of shaded squares, for the explorer and the training section.

// SVG paths of an attention triangle (one row per query, one column per key) with squares of `size` pixels. There is one
// path per shade, and adjacent keys of equal shade form one rectangle. weight(t, j) returns 0 .. 1.
function attentionPaths(n, size, weight, left = 0, top = 0) {
  const paths = Array(11).fill('');
  for (let t = 0; t < n; ++t) for (let j = 0; j <= t;) {
    const shade = Math.round(10 * Math.sqrt(weight(t, j)));
    let end = j + 1;
    while (end <= t && Math.round(10 * Math.sqrt(weight(t, end))) === shade) ++end;
    if (shade) paths[shade] += `M${left + size * j} ${top + size * t}h${size * (end - j)}v${size}h${-size * (end - j)}z`;
    j = end;
  }
  return paths.flatMap((d, shade) => d ? [element('path', {d, style: `fill:${css(oneSided(shade / 10))}`})] : []);
}
// The attention triangle with characters on both axes, if they fit. Squares with marked(t, j) have a frame.
function attentionFigure(title, tokens, most, weight, marked, id) {
  const n = tokens.length, left = 26, top = 40, size = Math.max(3, Math.min(14, Math.floor((room(most) - left - 8) / n)));
  const width = Math.max(left + size * n + 8, 300), height = top + size * n + 8;
  const svg = element('svg', {width, height, viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': title, id});
  const style = `font-size:${Math.min(12, size + 1)}px;font-family:ui-monospace,monospace`;
  svg.append(say(0, 14, title, {'font-weight': 600}),
    element('path', {d: `M${left} ${top}V${top + size * n}H${left + size * n}Z`, style: 'fill:none', class: 'axis'}));
  if (size >= 5) tokens.forEach((token, i) => svg.append(
    say(left + size * (i + .5), top - 4, shownToken(token), {style, 'text-anchor': 'middle', class: 'soft'}),
    say(left - 4, top + size * (i + .85), shownToken(token), {style, 'text-anchor': 'end', class: 'soft'})));
  svg.append(...attentionPaths(n, size, weight, left, top));
  let frames = '';
  // Outline of the marked squares: draw an edge where the adjacent square is not marked.
  const on = (t, j) => t >= 0 && t < n && j >= 0 && j <= t && marked(t, j);
  if (marked) for (let t = 0; t < n; ++t) for (let j = 0; j <= t; ++j) {
    if (!marked(t, j)) continue;
    const x = left + size * j, y = top + size * t;
    frames += (on(t - 1, j) ? '' : `M${x} ${y}h${size}`) + (on(t + 1, j) ? '' : `M${x} ${y + size}h${size}`) +
      (on(t, j - 1) ? '' : `M${x} ${y}v${size}`) + (on(t, j + 1) ? '' : `M${x + size} ${y}v${size}`);
  }
  const row = element('rect', {x: left - 1, height: size, visibility: 'hidden', class: 'row', id: id && id + '-row'});
  svg.append(element('path', {d: frames, class: 'mark', style: 'stroke-width:1.5'}), row);
  return {svg,
    // The query under the pointer.
    queryAt: e => Math.floor((e.clientY - svg.getBoundingClientRect().top - top) / size),
    // Puts a frame around a query's row; null removes the frame.
    showRow: t => {
      row.setAttribute('visibility', t === null ? 'hidden' : 'visible');
      if (t !== null) row.setAttribute('y', top + size * t), row.setAttribute('width', size * (t + 1) + 2);
    }};
}
