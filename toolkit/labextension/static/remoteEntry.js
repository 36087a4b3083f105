// Draws Vega-Lite 6 in JupyterLab, which itself knows Vega-Lite up to 5; Vega lies in vega.js beside this file.
(() => {
  const NAME = 'wikimedia-event-toolkit';
  const MIME_TYPES = [
    'application/vnd.vegalite.v6+json', // ours
    'application/vnd.vegalite.v6.json', // altair's own
  ];
  const HERE = document.currentScript.src.replace(/[^/]*$/, '');

  // JupyterLab's shortcuts of one letter must not take the keys meant for a menu or a slider of an explorer
  document.addEventListener('focusin', ({ target }) => {
    // the mark must stand on the control itself: shortcuts are looked for there before they are on what holds it
    if (target.closest?.('.tk-view')) target.setAttribute('data-lm-suppress-shortcuts', 'true');
  });

  let sharedScope;

  /** A module that JupyterLab shares with its extensions. */
  async function shared(name) {
    const [version] = Object.values(sharedScope[name]);
    return (await version.get())();
  }

  let vega;

  /** vegaEmbed, loaded when the first chart is shown. */
  function loadVega() {
    vega ??= new Promise((resolve, reject) => {
      const style = document.createElement('link');
      style.rel = 'stylesheet';
      style.href = `${HERE}chart.css`;
      const script = document.createElement('script');
      script.type = 'module';
      script.src = `${HERE}vega.js`;
      script.onload = () => resolve(window.vegaEmbed);
      script.onerror = () => {
        vega = undefined; // so that the next chart tries again
        reject(new Error(`${script.src} could not be loaded`));
      };
      document.head.append(style, script);
    });
    return vega;
  }
  window.toolkitVega = loadVega; // explorers draw with it too

  /** A chart on the page and what is needed to take it away again. */
  class Drawing {
    constructor(element) {
      this.element = element;
    }

    finalize() {
      this.result?.finalize();
      this.element.remove();
    }
  }

  /** What is shown in place of a chart: the reason, and the picture stored with the chart, if there is one. */
  function explain(error, picture) {
    const element = document.createElement('div');
    const message = document.createElement('div');
    message.className = 'toolkit-chart-error';
    message.setAttribute('role', 'alert');
    message.textContent = `This chart could not be drawn: ${error.message ?? error}`;
    element.append(message);
    if (picture) {
      const image = document.createElement('img');
      image.alt = 'The chart as it was saved';
      image.src = `data:image/svg+xml,${encodeURIComponent(picture)}`;
      element.append(image);
    }
    return element;
  }

  function isDark() {
    return document.body.dataset.jpThemeLight === 'false';
  }

  async function mimeExtension() {
    const { Widget } = await shared('@lumino/widgets');

    class ChartRenderer extends Widget {
      constructor({ mimeType }) {
        super();
        this.mimeType = mimeType;
        this.renders = 0;
        this.addClass('toolkit-chart');
        this.themeObserver = new MutationObserver(() => this.model && this.renderModel(this.model));
        this.themeObserver.observe(document.body, { attributeFilter: ['data-jp-theme-light'] });
      }

      /**
       * Draw the model out of sight, then put it in the place of what is shown; only the newest render is shown.
       *
       * An Output widget makes a new renderer for each new chart. That is no empty cell in between, because a chart
       * that holds its own data is drawn before the browser paints again.
       */
      async renderModel(model) {
        this.model = model;
        const render = ++this.renders;
        const isStale = () => this.isDisposed || render !== this.renders;
        const next = new Drawing(document.createElement('div'));
        next.element.className = 'toolkit-chart-next';
        try {
          const embed = await loadVega();
          if (isStale()) return;
          this.node.append(next.element);
          next.result = await embed(next.element, model.data[this.mimeType], {
            mode: 'vega-lite',
            renderer: 'svg',
            ...(isDark() && { theme: 'dark', config: { background: 'transparent' } }),
            ...model.metadata[this.mimeType]?.embed_options,
          });
        } catch (error) {
          next.element.replaceChildren(explain(error, model.data['image/svg+xml']));
          this.node.append(next.element);
        }
        if (isStale()) {
          next.finalize();
          return;
        }
        this.drawing?.finalize();
        this.drawing = next;
        next.element.classList.remove('toolkit-chart-next');
      }

      dispose() {
        this.themeObserver.disconnect();
        this.drawing?.finalize();
        super.dispose();
      }
    }

    return {
      id: `${NAME}:charts`,
      rendererFactory: {
        safe: true,
        mimeTypes: MIME_TYPES,
        createRenderer: (options) => new ChartRenderer(options),
      },
      rank: 50, // before the pictures of the same output, which have 90
      dataType: 'json',
    };
  }

  window._JUPYTERLAB ??= {};
  window._JUPYTERLAB[NAME] = {
    init(scope) {
      sharedScope = scope;
    },
    async get(module) {
      if (module !== './mimeExtension') throw new Error(`${NAME} has no module ${module}`);
      const extension = await mimeExtension();
      return () => ({ __esModule: true, default: extension });
    },
  };
})();
