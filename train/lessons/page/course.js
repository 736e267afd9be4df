'use strict';
// Interactive attention maps: one row a query, one column a key. Buttons or a list choose a head, the pointer or the arrow
// keys a query, and a sentence names the keys that the query attends to.
const maps = JSON.parse(document.getElementById('maps').textContent);

function svgElement(name, attributes, text) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
}
const shown = symbol => symbol === '\n' ? '⏎' : symbol === ' ' ? '␣' : symbol;

function drawMap(figure, map) {
  const rows = map.queries.length, columns = map.keys.length;
  const left = 14 + 8 * Math.max(...map.queries.map(q => shown(q).length));
  const size = Math.max(9, Math.min(20, Math.floor((Math.max(320, figure.clientWidth) - left - 4) / columns)));
  const longest = Math.max(...map.keys.map(k => shown(k).length)), top = longest > 1 ? 12 + 7 * longest : 18;
  const width = left + size * columns + 4, height = top + size * rows + 4;
  const svg = svgElement('svg', {viewBox: `0 0 ${width} ${height}`, width, height, role: 'img', tabindex: 0,
    'aria-label': `${map.title}. Arrow up and down choose a query, left and right a head.`});
  const font = `font-size:${Math.min(13, size)}px`;
  map.queries.forEach((q, t) => svg.append(svgElement('text',
    {x: left - 5, y: top + size * (t + .8), 'text-anchor': 'end', style: font}, shown(q))));
  map.keys.forEach((k, j) => {
    const x = left + size * (j + .5), label = svgElement('text', {x, y: top - 5, style: font}, shown(k));
    label.setAttribute('text-anchor', longest > 1 ? 'start' : 'middle');
    if (longest > 1) label.setAttribute('transform', `rotate(-90 ${x + 4} ${top - 5})`);
    svg.append(label);
  });
  const cells = svgElement('g', {}), row = svgElement('rect', {class: 'row', x: left, height: size, width: size * columns});
  svg.append(svgElement('rect', {class: 'frame', x: left, y: top, width: size * columns, height: size * rows}), cells, row);
  const tools = document.createElement('div'), says = document.createElement('p');
  tools.className = 'tools';
  says.className = 'says';
  says.setAttribute('aria-live', 'polite');
  // Buttons for a few heads, a list to choose from for many.
  const list = document.createElement('select'), few = map.heads.length <= 8;
  const buttons = map.heads.map((head, h) => {
    const button = document.createElement(few ? 'button' : 'option');
    button.textContent = head.name;
    if (few) button.addEventListener('click', () => show(h, query));
    return button;
  });
  list.setAttribute('aria-label', 'Head');
  list.addEventListener('change', () => show(list.selectedIndex, query));
  if (few) tools.append(...buttons);
  else list.append(...buttons), tools.append(list);
  let head = 0, query = rows - 1;

  function show(h, t) {
    head = (h + map.heads.length) % map.heads.length;
    query = Math.min(Math.max(t, 0), rows - 1);
    if (few) buttons.forEach((button, i) => button.setAttribute('aria-pressed', i === head));
    else list.selectedIndex = head;
    const weights = map.heads[head].weights;
    cells.replaceChildren(...weights.flatMap((w, i) => w < 5 ? [] : [svgElement('rect', {class: 'cell',
      x: left + size * (i % columns), y: top + size * Math.floor(i / columns), width: size, height: size,
      'fill-opacity': Math.sqrt(w / 1000).toFixed(2)})]));
    row.setAttribute('y', top + size * query);
    const best = map.keys.map((k, j) => [weights[query * columns + j], j]).sort((a, b) => b[0] - a[0]).slice(0, 3)
      .filter(([w]) => w > 20).map(([w, j]) => `“${shown(map.keys[j])}” at ${j} (${(w / 1000).toFixed(2)})`);
    says.textContent = `${map.heads[head].name}: the query “${shown(map.queries[query])}” at ${query} attends to ` +
      (best.length ? best.join(', ') : 'no key with more than 0.02') + '.';
  }
  const at = event => {
    const box = svg.getBoundingClientRect();
    return Math.floor(((event.clientY - box.top) * height / box.height - top) / size);
  };
  svg.addEventListener('pointermove', event => show(head, at(event)));
  svg.addEventListener('click', event => show(head, at(event)));
  svg.addEventListener('keydown', event => {
    const step = {ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0]}[event.key];
    if (!step) return;
    event.preventDefault();
    show(head + step[0], query + step[1]);
  });
  const scroll = document.createElement('div');
  scroll.className = 'scroll';
  scroll.append(svg);
  figure.append(tools, scroll, says);
  show(0, rows - 1);
}
for (const figure of document.querySelectorAll('.map')) drawMap(figure, maps[figure.dataset.lesson][figure.dataset.map]);
// Opens all folded answers before printing.
addEventListener('beforeprint', () => document.querySelectorAll('details').forEach(d => { d.open = true; }));
