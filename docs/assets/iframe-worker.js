// Browsers refuse workers in pages that are opened from a folder. The search then runs in a hidden frame instead.
if (location.protocol === 'file:') {
  window.IFrameWorker = class extends EventTarget {
    constructor(url) {
      super()
      this.frame = document.createElement('iframe')
      this.frame.hidden = true
      document.body.append(this.frame)
      const inside = this.frame.contentWindow
      inside.document.open()
      inside.document.write('<!doctype html><body></body>')
      inside.document.close()
      // What a worker has: messages to the page that made it, and scripts that are loaded one after the other.
      inside.postMessage = (data) => this.dispatchEvent(new MessageEvent('message', { data }))
      const load = (src) =>
        new Promise((resolve, reject) => {
          const script = inside.document.createElement('script')
          Object.assign(script, { src, onload: resolve, onerror: reject })
          inside.document.body.append(script)
        })
      inside.importScripts = (...urls) => urls.reduce((done, src) => done.then(() => load(src)), Promise.resolve())
      this.ready = load(url)
    }
    postMessage(data) {
      this.ready.then(() => this.frame.contentWindow.dispatchEvent(new MessageEvent('message', { data })))
    }
    terminate() {
      this.frame.remove()
    }
  }
  window.Worker = window.IFrameWorker
}
