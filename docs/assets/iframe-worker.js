// Browsers start no worker in a page opened from disk, and the theme's search is one. Here a hidden
// frame runs the worker's script and answers in its place.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(script) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      this.ready = new Promise((resolve) => {
        frame.onload = () => {
          const inner = frame.contentWindow;
          inner.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
          inner.importScripts = () => undefined;
          const element = inner.document.createElement("script");
          element.src = script;
          element.onload = () => resolve(inner);
          inner.document.body.append(element);
        };
      });
      document.documentElement.append(frame);
    }
    postMessage(data) {
      this.ready.then((inner) => inner.dispatchEvent(new MessageEvent("message", { data })));
    }
    terminate() {}
  };
}
