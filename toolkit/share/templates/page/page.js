// Draws the charts of a shared page over their pictures, and opens or closes all code at once.
(() => {
  const OPTIONS = {
    mode: 'vega-lite',
    renderer: 'svg',
    actions: { export: { svg: true, png: true }, source: false, compiled: false, editor: false },
    downloadFileName: document.title,
  };

  /** Draw a chart out of sight and put it in the place of its picture; if it can't be drawn, the picture stays. */
  async function draw(figure) {
    const chart = document.createElement('div');
    chart.className = 'toolkit-chart-next';
    figure.append(chart);
    try {
      await vegaEmbed(chart, JSON.parse(figure.querySelector('script').textContent), OPTIONS);
      figure.querySelector('.picture').remove();
    } catch (error) {
      chart.replaceChildren(`This chart could not be drawn: ${error.message}`);
      chart.classList.add('toolkit-chart-error');
    }
    chart.classList.remove('toolkit-chart-next');
  }

  document.querySelectorAll('figure.toolkit-chart').forEach(draw);

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
