// Draws the charts of a shared page over their pictures, and opens or closes all code at once.
(() => {
  const OPTIONS = {
    mode: 'vega-lite',
    renderer: 'svg',
    actions: { export: { svg: true, png: true }, source: false, compiled: false, editor: false },
    downloadFileName: document.title,
  };

  const SMALLEST = 0.7; // of its size: smaller, and its letters can't be read

  /** Let a chart shrink with the page before it has to be scrolled; not one with a brush, which would miss its aim. */
  function fit(chart, spec) {
    const svg = chart.querySelector('svg.marks');
    if (!svg || /"(type|select)":"interval"/.test(spec)) return;
    svg.style.maxWidth = '100%';
    svg.style.minWidth = `${SMALLEST * svg.width.baseVal.value}px`;
    svg.style.height = 'auto';
  }

  /** Draw a chart out of sight and put it in the place of its picture; if it can't be drawn, the picture stays. */
  async function draw(figure) {
    const chart = document.createElement('div');
    chart.className = 'toolkit-chart-next';
    figure.append(chart);
    try {
      const spec = figure.querySelector('script').textContent;
      await vegaEmbed(chart, JSON.parse(spec), OPTIONS);
      fit(chart, spec);
      figure.querySelector('.picture').remove();
    } catch (error) {
      chart.replaceChildren(`This chart could not be drawn: ${error.message}`);
      chart.classList.add('toolkit-chart-error');
    }
    chart.classList.remove('toolkit-chart-next');
  }

  /** Draw all charts, those that are seen first, and let the page breathe between two: it has explorers to draw, too. */
  async function drawAll() {
    const seen = ({ top, bottom }) => bottom > 0 && top < window.innerHeight;
    const figures = [...document.querySelectorAll('figure.toolkit-chart')].map((figure) => ({
      figure,
      last: !seen(figure.getBoundingClientRect()),
    }));
    for (const { figure } of figures.sort((one, other) => one.last - other.last)) {
      await draw(figure);
      await new Promise((next) => setTimeout(next));
    }
  }

  drawAll();

  const inputs = [...document.querySelectorAll('details.input')];
  const button = document.getElementById('all-code');
  button.hidden = inputs.length === 0;
  button.addEventListener('click', () => {
    const open = inputs.some((input) => !input.open);
    inputs.forEach((input) => {
      input.open = open;
    });
    button.textContent = open ? 'Hide all code' : 'Show all code';
  });
})();
