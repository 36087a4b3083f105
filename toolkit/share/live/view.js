// The face of a live view: choices above, charts, a line on what is shown, buttons, the view as code, its table.

import { codeOf } from './code.js';
import { csvOf, drawing, linkedDrawing, tableOf } from './drawing.js';
import { Model } from './model.js';
import { count, intervalsOf } from './words.js';

const MANY = 15; // values from which a menu is a box to search in
const NOTHING = 'No rows under these choices: take one of them back.';
const TOO_OLD = 'This browser is too old to filter this view (it cannot decompress data); the picture and the table are of its first choices.';
const SETTLED = 120; // ms without another choice after which the table follows

/** Element with attributes and children; a function is a listener. */
function part(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** A chart that takes new numbers without being made anew; it is made anew only where its form changes. */
class Chart {
  constructor(element, forms) {
    Object.assign(this, { element, forms });
  }

  async show({ form, datasets, title, subtitle, description, values }) {
    const signals = { ...values, title_text: title, subtitle_text: subtitle };
    if (form === this.form) {
      for (const [name, rows] of Object.entries(datasets)) this.view.data(name, rows);
      for (const [name, value] of Object.entries(signals)) this.view.signal(name, value);
      this.view.description(description);
      await this.view.runAsync();
      return;
    }
    const spec = this.forms[form];
    const params = Object.entries(signals).map(([name, value]) => ({ name, value }));
    const whole = { ...spec, datasets, description, params: [...params, ...(spec.params ?? [])] };
    const place = part('div');
    this.element.append(place);
    const result = await window.vegaEmbed(place, whole, { mode: 'vega-lite', renderer: 'svg', actions: false });
    this.finalize?.();
    Object.assign(this, { form, view: result.view });
    this.finalize = () => {
      result.finalize();
      place.remove();
    };
    this.made?.(this.view);
  }
}

/** One explorer of a page. */
export class LiveView {
  constructor(figure, { shelves, forms }) {
    this.figure = figure;
    this.face = JSON.parse(figure.querySelector('script').textContent);
    this.model = new Model(this.face, shelves);
    this.shelves = shelves;
    const { filters, values, choices } = this.face;
    const none = Object.fromEntries(filters.map((name) => [name, null]));
    const days = values.day.length > 1 ? [values.day[0], values.day[values.day.length - 1]] : null;
    const asked = Object.fromEntries(Object.entries(choices).filter(([name]) => name !== 'compare'));
    const by = this.face.by.includes(choices.by) ? choices.by : null;
    this.choices = { unit: 'pageview', weight: 'rate', ...none, ...asked, by, days: choices.days ?? days };
    this.first = { ...this.choices };
    this.allDays = days;
    this.past = [];
    this.drawn = 0;
    this.build(forms);
  }

  build(forms) {
    const { filters, values, by, tallies } = this.face;
    this.controls = {};
    const bar = part('div', { class: 'choices', role: 'group', 'aria-label': 'choices' });
    for (const name of filters) bar.append(this.filter(name));
    if (this.allDays) bar.append(this.dayMenus(values.day));
    const units = Object.entries(this.shelves.units).filter(([unit]) => unit === 'pageview' || tallies.attempt);
    bar.append(this.menu('unit', units.map(([unit, words]) => [words, unit])));
    bar.append(this.menu('weight', [['1 / sample rate', 'rate'], ['none, as recorded', 'recorded']]));
    bar.append(this.menu('by', [['nothing', null], ...by.map((name) => [name, name])]));
    const [main, side] = [part('div', { class: 'main' }), part('div', { class: 'side' })];
    this.main = new Chart(main, forms);
    this.side = new Chart(side, forms);
    this.side.made = (view) => this.listen(view);
    this.mainPlace = main;
    this.note = part('p', { class: 'note', role: 'status' });
    this.code = part('pre', { tabindex: '0', 'aria-label': 'this view as code' });
    this.table = part('div', { class: 'html', tabindex: '0' });
    this.details = part('details', { open: '', toggle: () => this.tabulate() }, part('summary', {}, 'Table'), this.table);
    this.buttons = {
      undo: this.button('undo', 'Take the last choice back', () => this.undo()),
      reset: this.button('reset', 'Take all choices back', () => this.choose(this.first)),
      copy: this.button('copy code', 'Copy the lines that give this view', () => this.copy()),
      csv: this.button('CSV', 'Download the table as CSV', () => this.download('csv')),
      svg: this.button('SVG', 'Download the chart as SVG', () => this.download('svg')),
      png: this.button('PNG', 'Download the chart as PNG', () => this.download('png')),
    };
    const buttons = part('div', { class: 'buttons', role: 'toolbar', 'aria-label': 'this view' }, ...Object.values(this.buttons));
    this.body = part('div', { class: 'live', hidden: '' }, bar, part('div', { class: 'charts' }, main, side), this.note, buttons, this.code, this.details);
    this.figure.append(this.body);
  }

  /** Menu of one choice, by its words and values. */
  menu(name, options, label = name) {
    const select = part('select', {
      'aria-label': label,
      change: () => this.choose({ [name]: options[select.selectedIndex][1] }),
    }, ...options.map(([words]) => part('option', {}, words)));
    this.controls[name] = (value) => {
      select.selectedIndex = options.findIndex((option) => option[1] === value);
    };
    return part('label', {}, `${label} `, select);
  }

  /** Menu of a dimension, or a box to search in where it has many values. */
  filter(name) {
    const values = this.face.choosable[name].map((at) => this.face.values[name][at]);
    if (values.length <= MANY || typeof values[0] !== 'string') {
      return this.menu(name, [['all', null], ...values.map((value) => [String(value), value])]);
    }
    const list = part('datalist', { id: `${this.figure.id}-${name}` }, ...values.map((value) => part('option', { value })));
    const input = part('input', {
      type: 'search',
      'aria-label': name,
      list: list.id,
      placeholder: `all: type to search ${values.length}`,
      change: () => {
        const found = values.find((value) => value.toLowerCase() === input.value.trim().toLowerCase()) ?? null;
        input.setCustomValidity(input.value && found === null ? `no ${name} named ${input.value}` : '');
        input.reportValidity();
        if (found !== null || !input.value) this.choose({ [name]: found });
      },
    });
    this.controls[name] = (value) => {
      input.value = value ?? '';
      input.setCustomValidity('');
    };
    return part('label', {}, `${name} `, input, list);
  }

  /** First and last day; the other one goes along where they would cross. */
  dayMenus(days) {
    const menu = (end, label) => {
      const select = part('select', {
        'aria-label': `${label} day (UTC)`,
        change: () => {
          const ends = [...this.choices.days];
          ends[end] = days[select.selectedIndex];
          if (ends[0] > ends[1]) ends[1 - end] = ends[end];
          this.choose({ days: ends });
        },
      }, ...days.map((day) => part('option', {}, day)));
      return select;
    };
    const selects = [menu(0, 'first'), menu(1, 'last')];
    this.controls.days = (ends) => {
      selects[0].selectedIndex = days.findIndex((day) => day >= ends[0]);
      selects[1].selectedIndex = days.findLastIndex((day) => day <= ends[1]);
    };
    return part('span', { class: 'days', role: 'group', 'aria-label': 'days (UTC)' }, 'days (UTC) ', selects[0], ' to ', selects[1]);
  }

  button(label, title, click) {
    return part('button', { type: 'button', title, click }, label);
  }

  /** Bars choose: a click its value, a second one takes it back; days also by dragging over them, or with shift. */
  listen(view) {
    let from = null;
    const isDay = (item) => item?.datum?.dimension === 'days';
    view.addEventListener('pointerdown', (event, item) => {
      if (!isDay(item)) return;
      event.preventDefault();
      this.before = this.choices;
      from = event.shiftKey ? (item.datum.pick < this.choices.days[0] ? this.choices.days[1] : this.choices.days[0]) : item.datum.pick;
      this.brush(from, item.datum.pick, !event.shiftKey);
    });
    view.addEventListener('pointermove', (event, item) => {
      if (from !== null && event.buttons === 0) from = null;
      if (from !== null && isDay(item)) this.brush(from, item.datum.pick);
    });
    window.addEventListener('pointerup', () => {
      if (from !== null && !same(this.before, this.choices)) this.past.push(this.before);
      from = null;
      this.buttons.undo.disabled = !this.past.length;
    });
    view.addEventListener('click', (_, item) => {
      if (item?.datum?.pick === undefined || isDay(item)) return;
      const { dimension, pick } = item.datum;
      this.choose({ [dimension]: this.choices[dimension] === pick ? null : pick });
    });
  }

  /** Choose the days between two; a single one that was chosen already is taken back. */
  brush(from, to, isFirst = false) {
    const ends = from < to ? [from, to] : [to, from];
    const days = isFirst && same(ends, this.choices.days) ? this.allDays : ends;
    if (same(days, this.choices.days)) return;
    this.choices = { ...this.choices, days };
    this.follow();
  }

  choose(choices) {
    const next = { ...this.choices, ...choices };
    if (same(next, this.choices)) return;
    this.past.push(this.choices);
    this.choices = next;
    this.follow();
  }

  undo() {
    if (!this.past.length) return;
    this.choices = this.past.pop();
    this.follow();
  }

  /** Draw the present choices: one drawing at a time, and the newest last, since a hand is faster than a chart. */
  async follow() {
    this.waits = true;
    if (this.busy) return;
    this.busy = true;
    while (this.waits) {
      this.waits = false;
      try {
        await this.draw();
      } catch (error) {
        this.note.textContent = `This view could not be drawn: ${error.message ?? error}`;
        this.failed ??= error;
      }
    }
    this.busy = false;
    clearTimeout(this.later);
    this.later = setTimeout(() => this.tabulate(), SETTLED);
  }

  async draw() {
    const { choices, face, shelves } = this;
    for (const [name, set] of Object.entries(this.controls)) set(choices[name]);
    this.buttons.undo.disabled = !this.past.length;
    this.code.textContent = codeOf({ called: face.called, choices, filters: face.filters, days: this.model.period(choices) });
    // a breakdown draws the intervals of what is shown only; the table asks for all of them
    const wanted = choices.by === null ? () => true : ({ at, outcome }) => outcome === 'reached' && at === shelves.stages.length;
    const found = await this.model.funnels(choices, wanted);
    const isEmpty = found.funnels.length === 0;
    this.mainPlace.hidden = isEmpty;
    this.note.textContent = isEmpty ? NOTHING : this.said(found);
    const linked = linkedDrawing(await this.model.linked(choices), this.marked(), shelves.units[choices.unit]);
    await Promise.all([isEmpty ? null : this.main.show(drawing(found, face.codes, shelves)), this.side.show(linked)]);
    this.figure.dataset.drawn = this.drawn += 1; // what was asked is on the screen: for tests and for those who measure
  }

  /** Choices as the bars mark them. */
  marked() {
    return { ...this.choices, days: this.model.period(this.choices) };
  }

  /** Unit, weight, filters and rows of the present view in one line. */
  said({ unit, weight, level, funnels }) {
    const { face, shelves, choices } = this;
    const filters = face.filters.filter((name) => choices[name] !== null).map((name) => `${name} ${choices[name]}`);
    const recorded = funnels.reduce((sum, { rows }) => sum + rows.find((row) => row.outcome === 'reached').n, 0);
    const notes = [...new Set(funnels.map(({ note }) => note).filter((note) => note !== null))];
    return [
      `unit: ${shelves.units[unit]}, weight ${weight}, ${intervalsOf(level)}`,
      `filters: ${filters.join(', ') || 'none'}`,
      `${count(recorded)} recorded, of ${count(face.n)} page views loaded`,
      ...(face.set_aside === null ? [] : [`${count(face.set_aside)} rows of the files set aside`]),
      ...(notes.length === 1 ? notes : []),
    ].join('; ');
  }

  /** The table of the present view, once no further choice comes. */
  async tabulate() {
    if (!this.details.open || this.busy) return;
    const { columns, rows } = tableOf(await this.model.funnels(this.choices), this.face.codes, this.shelves.stages);
    const cell = (tag, value) =>
      typeof value === 'number' ? part(tag, {}, count(value)) : part(tag, { class: 'text' }, value);
    const recorded = columns.indexOf('recorded');
    const head = columns.map((name, at) => part('th', { scope: 'col', ...(at < recorded && { class: 'text' }) }, name));
    const body = rows.map((row) => part('tr', {}, ...row.map((value, at) => (at < recorded ? cell('td', value) : part('td', {}, typeof value === 'number' ? count(value) : value)))));
    this.table.replaceChildren(part('table', {}, part('thead', {}, part('tr', {}, ...head)), part('tbody', {}, ...body)));
  }

  async copy() {
    const text = this.code.textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // a page from a file may have no clipboard: the older way
      const area = part('textarea');
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand('copy');
      area.remove();
    }
    this.buttons.copy.textContent = 'copied';
    setTimeout(() => {
      this.buttons.copy.textContent = 'copy code';
    }, 1500);
  }

  async download(kind) {
    const { face, shelves } = this;
    const made = {
      csv: async () => new Blob([csvOf(await this.model.funnels(this.choices), face.codes, shelves.stages)], { type: 'text/csv' }),
      svg: async () => new Blob([await this.main.view.toSVG()], { type: 'image/svg+xml' }),
      png: async () => new Promise((resolve, reject) => {
        this.main.view.toCanvas(2).then((canvas) => canvas.toBlob(resolve), reject);
      }),
    };
    const url = URL.createObjectURL(await made[kind]());
    part('a', { href: url, download: `status_funnel.${kind}` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }

  /** Draw the first view and put it in the place of its picture. */
  async start() {
    await this.follow();
    if (this.failed) {
      this.figure.append(part('p', { class: 'note' }, this.note.textContent));
      this.body.remove();
      return;
    }
    this.figure.querySelector('.picture').remove();
    this.body.hidden = false;
  }
}

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/** Make every explorer of a page live; where the browser can't, its picture stays and a sentence says so. */
export function start() {
  const figures = document.querySelectorAll('figure.toolkit-live');
  if (typeof DecompressionStream === 'undefined') {
    figures.forEach((figure) => figure.append(part('p', { class: 'note' }, TOO_OLD)));
    return;
  }
  const page = JSON.parse(document.getElementById('toolkit-live').textContent);
  figures.forEach((figure) => {
    figure.view = new LiveView(figure, page);
    figure.view.start();
  });
}
