// Measures pages of reports, each in a frame of a width of its own, and writes what is wrong with them into the page.
//
// Wrong is: something that is wider than its frame, a text that leaves its drawing, its card or the frame, a name in a
// chart that covers another, and a text whose contrast with what is behind it is below 4.5 (WCAG 2, AA).
const wrong = [];

function rgb(colour) {
  const parts = colour.match(/[\d.]+/g).map(Number);
  return { r: parts[0], g: parts[1], b: parts[2], a: parts.length > 3 ? parts[3] : 1 };
}

function luminance({ r, g, b }) {
  const [x, y, z] = [r, g, b].map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
}

function contrast(a, b) {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}

// The colour behind an element of HTML.
function ground(view, element) {
  for (let at = element; at; at = at.parentElement) {
    const colour = rgb(view.getComputedStyle(at).backgroundColor);
    if (colour.a === 1) return colour;
  }
  return { r: 255, g: 255, b: 255 };
}

// The colour behind a text of a drawing: the shape that it stands on, or the page.
function under(view, text) {
  if (text.matches('.holds')) return rgb(view.getComputedStyle(text.closest('g').querySelector('.ground')).fill);
  if (text.matches('.mark-number')) return rgb(view.getComputedStyle(text.previousElementSibling).fill);
  const card = text.closest('g.card');
  const fill = card && view.getComputedStyle(card.querySelector('rect')).fill;
  return fill && fill !== 'none' ? rgb(fill) : ground(view, text.ownerSVGElement.parentElement);
}

function measure(frame) {
  const [name, width] = [frame.dataset.name, Number(frame.dataset.width)];
  const [page, view] = [frame.contentDocument, frame.contentWindow];
  const say = (words, element) => wrong.push(`${name} at ${width}: ${words}: ${(element.textContent || element.outerHTML).trim().slice(0, 60)}`);
  for (const details of page.querySelectorAll('details')) details.open = true;
  if (view.innerWidth !== width) say(`the frame is ${view.innerWidth} wide`, page.body);
  if (page.documentElement.scrollWidth > width) say(`scrolls to ${page.documentElement.scrollWidth}`, page.body);
  if (!page.querySelector('h1').textContent.trim()) say('no heading', page.body);
  let texts = 0;
  for (const element of page.body.querySelectorAll('*')) {
    const box = element.getBoundingClientRect();
    if (box.width === 0 || box.height === 0 || element.closest('.patterns, thead') && box.width <= 1) continue;
    const style = view.getComputedStyle(element);
    const hidden = element.closest('thead') && view.getComputedStyle(element.closest('thead')).position === 'absolute';
    if (hidden || style.visibility === 'hidden') continue;
    if (box.right > width + 0.5 || box.left < -0.5) say(`${element.tagName} from ${box.left} to ${box.right}`, element);
    if (style.overflowX !== 'visible' && element.scrollWidth > element.clientWidth + 1) say('is clipped', element);
    const words = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    if (!words) continue;
    texts += 1;
    const size = parseFloat(style.fontSize);
    if (size < (element.matches('.mark-number') ? 9 : 11)) say(`letters of ${size} pixels`, element);
    const svg = element.namespaceURI.endsWith('svg');
    const [front, back] = svg ? [rgb(style.fill), under(view, element.closest('text'))] : [rgb(style.color), ground(view, element)];
    if (contrast(front, back) < 4.5) say(`contrast ${contrast(front, back).toFixed(2)}`, element);
    const card = svg && element.closest('g.card');
    if (card && box.right > card.querySelector('rect').getBoundingClientRect().right - 1) say('leaves its card', element);
  }
  for (const plot of page.querySelectorAll('svg.plot, svg.topology')) {
    const names = [...plot.querySelectorAll('text')].map(text => [text, text.getBoundingClientRect()]).filter(([, box]) => box.width);
    const panel = plot.closest('.panel').getBoundingClientRect();
    names.forEach(([text, box], at) => {
      if (box.left < panel.left || box.right > panel.right) say('leaves its panel', text);
      for (const [other, its] of names.slice(at + 1)) {
        const [wide, high] = [Math.min(box.right, its.right) - Math.max(box.left, its.left), Math.min(box.bottom, its.bottom) - Math.max(box.top, its.top)];
        // Boxes of letters are higher than the letters.
        if (wide > 1 && high > 5) say(`covers "${other.textContent}"`, text);
      }
    });
  }
  if (texts < 10) say(`only ${texts} texts`, page.body);
}

addEventListener('load', () => {
  const frames = [...document.querySelectorAll('iframe')];
  frames.forEach(measure);
  const scheme = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  document.body.replaceChildren();
  const result = document.createElement('pre');
  result.textContent = JSON.stringify({ scheme, frames: frames.length, wrong });
  document.body.append(result);
});
