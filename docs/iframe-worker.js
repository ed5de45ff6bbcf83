// Search of these pages from a folder: a browser starts no worker from a file:// address, so the
// search runs in a hidden frame that looks like a worker to both sides.
if (location.protocol === "file:") {
  window.Worker = window.IFrameWorker = class IFrameWorker extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.appendChild(frame);
      const inside = frame.contentWindow;
      inside.document.open();
      inside.document.write(`<!doctype html><script>
        postMessage = parent.postMessage.bind(parent);
        importScripts = (...urls) => urls.reduce((before, url) => before.then(() =>
          new Promise((done, failed) => {
            const script = document.createElement("script");
            script.src = url;
            script.onload = done;
            script.onerror = failed;
            document.body.appendChild(script);
          })), Promise.resolve());
      <\/script><body><script src="${url}"><\/script>`);
      inside.document.close();
      this.ready = new Promise((done) => inside.addEventListener("load", done));
      this.inside = inside;
      window.addEventListener("message", (event) => {
        if (event.source === inside) {
          this.dispatchEvent(new MessageEvent("message", { data: event.data }));
        }
      });
    }

    postMessage(data) {
      this.ready.then(() => {
        this.inside.dispatchEvent(new MessageEvent("message", { data }));
      });
    }
  };
}
