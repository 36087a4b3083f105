// The drawn half of an explorer: a chart that takes new numbers without being made anew, and the buttons below it.

/** vegaEmbed: of the JupyterLab extension where it is installed, else sent by the kernel. */
async function loadVega(model) {
  if (window.toolkitVega) return window.toolkitVega();
  window.toolkitVegaSent ??= new Promise((resolve) => {
    const take = ({ vega }) => {
      if (!vega) return;
      model.off('msg:custom', take);
      const script = document.createElement('script');
      script.type = 'module';
      script.src = URL.createObjectURL(new Blob([vega], { type: 'text/javascript' }));
      script.onload = () => resolve(window.vegaEmbed);
      document.head.append(script);
    };
    model.on('msg:custom', take);
    model.send({ ask: 'vega' });
  });
  return window.toolkitVegaSent;
}

const isDark = () => document.body.dataset.jpThemeLight === 'false';

/** The chart and what it was made of; it is drawn anew only where its form changes. */
class Chart {
  constructor(element, embed, picked) {
    Object.assign(this, { element, embed, picked });
  }

  async show({ spec, datasets, values, words }) {
    const form = JSON.stringify([spec, isDark()]);
    if (form === this.form) {
      for (const [name, rows] of Object.entries(datasets)) this.view.data(name, rows);
      for (const [name, value] of Object.entries(values)) this.view.signal(name, value);
      this.view.description(words.description);
      await this.view.runAsync();
      return;
    }
    const params = Object.entries(values).map(([name, value]) => ({ name, value }));
    const whole = { ...spec, datasets: { ...spec.datasets, ...datasets }, params: [...params, ...(spec.params ?? [])], description: words.description };
    const place = document.createElement('div');
    this.element.append(place);
    const result = await this.embed(place, whole, {
      mode: 'vega-lite',
      renderer: 'svg',
      actions: false,
      ...(isDark() && { theme: 'dark', config: { background: 'transparent' } }),
    });
    this.finalize?.();
    this.view = result.view;
    this.form = form;
    this.finalize = () => {
      result.finalize();
      place.remove();
    };
    this.view.addEventListener('click', (event, item) => {
      if (item?.datum?.pick !== undefined) this.picked(item.datum, event.shiftKey);
    });
  }
}

function download(name, content, type) {
  const link = document.createElement('a');
  link.href = content.startsWith('data:') ? content : URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // no clipboard outside of a secure page: the older way
    const area = document.createElement('textarea');
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
}

function part(tag, className, attributes = {}) {
  const element = document.createElement(tag);
  element.className = className;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function button(label, title, act) {
  const element = part('button', 'tk-button', { type: 'button', title, 'aria-label': title });
  element.textContent = label;
  element.addEventListener('click', act);
  return element;
}

async function render({ model, el }) {
  el.classList.add('tk-picture');
  const pictures = part('div', 'tk-charts');
  const main = part('div', 'tk-chart');
  const side = part('div', 'tk-linked');
  pictures.append(main, side);
  const note = part('div', 'tk-note', { role: 'status' });
  const bar = part('div', 'tk-bar', { role: 'toolbar', 'aria-label': 'this view' });
  const code = part('pre', 'tk-code', { 'aria-label': 'this view as code', tabindex: '0' });
  el.append(pictures, note, bar, code);

  const embed = await loadVega(model);
  const picked = ({ pick, dimension }, more) => model.send({ pick, dimension, more });
  const chart = new Chart(main, embed, picked);
  const linked = new Chart(side, embed, picked);

  const copied = button('copy code', 'Copy the lines that give this view', async () => {
    await copy(model.get('shown').code);
    copied.textContent = 'copied';
    setTimeout(() => { copied.textContent = 'copy code'; }, 1500);
  });
  const undo = button('undo', 'Take the last choice back', () => model.send({ ask: 'undo' }));
  bar.append(
    undo,
    button('reset', 'Take all choices back', () => model.send({ ask: 'reset' })),
    copied,
    button('CSV', 'Download the table as CSV', () => model.send({ ask: 'csv' })),
    button('SVG', 'Download the chart as SVG', async () => download(`${name()}.svg`, await chart.view.toSVG(), 'image/svg+xml')),
    button('PNG', 'Download the chart as PNG', async () => download(`${name()}.png`, await chart.view.toImageURL('png', 2))),
    button('JSON', 'Download the choices as JSON', () => model.send({ ask: 'json' })),
  );
  const name = () => model.get('shown').name;
  model.on('msg:custom', ({ file, content, type }) => file && download(file, content, type));

  // one drawing at a time, and the newest last: a hand on a slider is faster than a chart
  let busy = false;
  let again = false;
  const follow = async () => {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    do {
      again = false;
      const shown = model.get('shown');
      note.textContent = shown.note;
      code.textContent = shown.code;
      undo.disabled = !shown.undo;
      main.hidden = !shown.main;
      try {
        if (shown.main) await chart.show(shown.main);
        if (shown.linked) await linked.show(shown.linked);
      } catch (error) {
        note.textContent = `This chart could not be drawn: ${error.message ?? error}`;
      }
      el.dataset.drawn = shown.count; // what was asked is on the screen: for tests and for those who measure
    } while (again);
    busy = false;
  };
  model.on('change:shown', follow);
  const theme = new MutationObserver(follow);
  theme.observe(document.body, { attributeFilter: ['data-jp-theme-light'] });
  await follow();
  return () => {
    theme.disconnect();
    chart.finalize?.();
    linked.finalize?.();
  };
}

export default { render };
