'use strict';
// Shared by all figures: the data, element creation, colors, and saving as SVG or CSV.
const data = JSON.parse(document.getElementById('data').textContent);
const study = data.study;
const heads = study.heads.map(h => h.head);
const dark = window.matchMedia('(prefers-color-scheme: dark)');

// element('p', {class: 'note'}, 'text', child, ...). Strings become text nodes, never markup.
function element(name, attributes, ...children) {
  const svg = ['svg', 'g', 'rect', 'text', 'line', 'path', 'circle', 'a', 'title'].includes(name) && attributes?.svg !== false;
  const node = svg ? document.createElementNS('http://www.w3.org/2000/svg', name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key === 'svg' || value === undefined) continue;
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value);
  }
  node.append(...children.filter(c => c !== undefined && c !== null));
  return node;
}
const say = (x, y, text, more) => element('text', {x, y, ...more}, text);
// A number with `digits` decimals, or a dash for null. A value that rounds to zero has no sign.
const fixed = (value, digits) => value === null || value === undefined ? '–' : value.toFixed(digits).replace(/^-(?=[0.]*$)/, '').replace('-', '−');

// Color scales with monotonic lightness. One-sided: from the card's color to deep blue (pale blue in dark mode).
// Two-sided: blue below zero, orange above.
const mix = (a, b, x) => a.map((v, i) => Math.round(v + (b[i] - v) * x));
function ramp(stops, x) {
  const at = Math.min(Math.max(x, 0), 1) * (stops.length - 1), i = Math.min(Math.floor(at), stops.length - 2);
  return mix(stops[i], stops[i + 1], at - i);
}
const scales = {
  light: {one: [[255, 255, 255], [158, 202, 225], [49, 130, 189], [8, 48, 107]], ground: [246, 246, 246], below: [5, 80, 160],
    above: [190, 80, 0]},
  dark: {one: [[28, 32, 36], [26, 80, 130], [66, 146, 198], [222, 240, 255]], ground: [44, 48, 52], below: [110, 180, 250],
    above: [255, 165, 80]}};
const scale = () => dark.matches ? scales.dark : scales.light;
const oneSided = x => ramp(scale().one, x);
const twoSided = x => mix(scale().ground, x < 0 ? scale().below : scale().above, Math.min(1, Math.abs(x)));
const css = c => `rgb(${c.join(',')})`;
// Lines differ in color, in dash pattern and in the name beside them, so that they are readable without color vision.
const palettes = {
  light: ['#0b5cad', '#b34700', '#00795c', '#8e3a8e', '#2b8cc4', '#8a6d00', '#c2334d', '#4a5560'],
  dark: ['#7db8f5', '#f5a25d', '#5fd0ac', '#d7a6f0', '#9adcff', '#e3cf57', '#ff8fa3', '#b4bec8']};
const dashes = ['none', '7 3', '2 3', '9 3 2 3', '12 4'];
const ink = k => (dark.matches ? palettes.dark : palettes.light)[k % 8];
const stroke = (k, width = 2) => `fill:none;stroke:${ink(k)};stroke-width:${width};stroke-dasharray:${dashes[(k + Math.floor(k / 8)) % 5]}`;
// Black or white text, whichever has more contrast on the given color.
const inkOn = c => 0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2] > 140 ? '#111' : '#fff';

// ---- saving ----
function save(name, type, text) {
  const link = element('a', {svg: false, download: name, href: URL.createObjectURL(new Blob([text], {type}))});
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
// The figure as a standalone SVG: computed styles are written into the elements.
function svgText(figure) {
  const copy = figure.cloneNode(true);
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  const from = [figure, ...figure.querySelectorAll('*')], to = [copy, ...copy.querySelectorAll('*')];
  from.forEach((node, i) => {
    const style = getComputedStyle(node);
    for (const key of ['fill', 'stroke', 'stroke-width', 'stroke-dasharray', 'font-size', 'font-family', 'font-weight', 'opacity', 'visibility'])
      to[i].style.setProperty(key, style.getPropertyValue(key));
  });
  // Add a margin.
  const width = +figure.getAttribute('width') + 24, height = +figure.getAttribute('height') + 20;
  for (const [key, value] of Object.entries({width, height, viewBox: `-12 -8 ${width} ${height}`})) copy.setAttribute(key, value);
  copy.insertBefore(element('rect', {x: -12, y: -8, width, height,
    fill: getComputedStyle(document.documentElement).getPropertyValue('--card')}), copy.firstChild);
  return '<?xml version="1.0" encoding="UTF-8"?>\n' + new XMLSerializer().serializeToString(copy);
}
// CSV (RFC 4180). Text that a spreadsheet would interpret as a formula gets a leading space.
function csvText(rows) {
  const cell = v => {
    const text = v === null || v === undefined ? '' : typeof v === 'string' && /^[=+\-@\t\r]/.test(v) ? ' ' + v : String(v);
    return /[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
  };
  return rows.map(r => r.map(cell).join(',')).join('\r\n') + '\r\n';
}
// The save buttons of a figure. figure() returns its current SVG, rows() its current table.
function savers(name, figure, rows) {
  const bar = element('div', {class: 'tools'});
  if (figure) bar.append(element('button', {type: 'button', onclick: () => save(name + '.svg', 'image/svg+xml', svgText(figure()))},
    'Save as SVG'));
  bar.append(element('button', {type: 'button', onclick: () => save(name + '.csv', 'text/csv', csvText(rows()))}, 'Save as CSV'));
  return bar;
}
function chooser(label, options, onchange) {
  const select = element('select', {onchange: () => onchange(select.value)});
  for (const [value, text] of options) select.append(element('option', {value}, text));
  return [element('label', {}, label + ' ', select), select];
}

// A matrix of colored cells. rows, columns: names; cell(r, c): {value, color, title, marked}; link(name): a row's target.
function matrixFigure(title, rows, columns, cell, {link, digits = 2, square = false, size = 46} = {}) {
  const left = Math.max(44, 8 + 7 * Math.max(...rows.map(r => r.length)));
  const longest = Math.max(...columns.map(c => c.length)), top = 36 + Math.min(110, 6 * longest);
  const high = square ? size * .75 : 24, width = left + size * columns.length + Math.min(84, 5 * columns.at(-1).length), height = top + high * rows.length + 6;
  // Screen readers ignore links inside an element with role "img".
  const svg = element('svg', {width, height, viewBox: `0 0 ${width} ${height}`, role: link ? 'group' : 'img', 'aria-label': title});
  svg.append(say(0, 14, title, {'font-weight': 600}));
  columns.forEach((name, c) => {
    const x = left + size * (c + .5);
    svg.append(say(x, top - 6, name, {transform: `rotate(-45 ${x} ${top - 6})`, class: 'soft'}));
  });
  rows.forEach((name, r) => {
    const y = top + high * r, text = say(left - 6, y + high * .68, name, {'text-anchor': 'end'});
    svg.append(link && link(name) ? element('a', {href: link(name), 'aria-label': 'explore ' + name}, text) : text);
    columns.forEach((column, c) => {
      const it = cell(r, c);
      if (!it) return;
      const x = left + size * c;
      svg.append(element('rect', {x: x + .5, y: y + .5, width: size - 1, height: high - 1, fill: css(it.color),
        ...(it.marked ? {stroke: getComputedStyle(document.documentElement).getPropertyValue('--mark'), 'stroke-width': 2} : {})},
        element('title', {}, it.title)));
      if (it.value !== null && it.value !== undefined)
        svg.append(say(x + size / 2, y + high * .68, fixed(it.value, digits),
          {'text-anchor': 'middle', 'pointer-events': 'none', style: `fill:${inkOn(it.color)};font-size:${size < 40 ? 10 : 11}px`}));
    });
  });
  return svg;
}
// The width of a figure: at most `most` pixels, less on a narrow screen.
const room = most => Math.max(280, Math.min(most, document.documentElement.clientWidth - (window.innerWidth <= 640 ? 44 : 72)));
const bytesOf = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
const place = (t, j) => t * (t + 1) / 2 + j;
const bitOf = (bits, p) => (bits[p >> 3] >> (7 - (p & 7)) & 1) === 1;
const shownToken = t => t === ' ' ? '␣' : t === '\n' ? '↵' : t === '\t' ? '⇥' : /^[\u0000-\u001f\u007f]$/.test(t) ? '·' : t;

// Redraws figures when the color scheme or the window width changes.
const redraws = [];
const redraw = () => redraws.forEach(f => f());
dark.addEventListener('change', redraw);
let widthDrawn = room(2000), resizing = 0;
window.addEventListener('resize', () => {
  clearTimeout(resizing);
  resizing = setTimeout(() => { if (room(2000) !== widthDrawn) { widthDrawn = room(2000); redraw(); } }, 150);
});
function drawn(draw, name = 'figure') {
  const place = element('div', {class: 'scroll', tabindex: 0, role: 'group', 'aria-label': name});
  const again = () => place.replaceChildren(draw());
  redraws.push(again);
  again();
  return {place, again, svg: () => place.querySelector('svg')};
}
