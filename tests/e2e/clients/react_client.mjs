// Motia's own React hooks in a document without a browser: says what was rendered.
import { JSDOM } from 'jsdom'

const [port] = process.argv.slice(2)
const dom = new JSDOM('<div id="root"></div>', { url: `http://127.0.0.1:${port}/` })
globalThis.window = dom.window
globalThis.document = dom.window.document

const { createElement, StrictMode } = await import('react')
const { createRoot } = await import('react-dom/client')
const { MotiaStreamProvider, useStreamGroup, useStreamItem } = await import('@motiadev/stream-client-react')

const View = () => {
  const group = useStreamGroup({ streamName: 'items', groupId: 'room', sortKey: 'n' })
  const item = useStreamItem({ streamName: 'items', groupId: 'room', id: 'a' })
  return createElement('p', null, `${group.data?.map((one) => `${one.id}${one.n}`).join(' ')}|${item.data?.n}`)
}
createRoot(document.getElementById('root')).render(
  createElement(StrictMode, null, createElement(MotiaStreamProvider, { address: `ws://127.0.0.1:${port}` }, createElement(View))),
)

const shows = async (text) => {
  const end = Date.now() + 15000
  while (document.body.textContent !== text) {
    if (Date.now() > end) throw new Error(`not ${text} but ${document.body.textContent}`)
    await new Promise((go) => setTimeout(go, 5))
  }
}
const post = (body) => fetch(`http://127.0.0.1:${port}/do`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })

await shows('|undefined')
await post({ what: 'set', id: 'b', data: { n: 2 } })
await post({ what: 'set', id: 'a', data: { n: 1 } })
await shows('a1 b2|1')
await post({ what: 'burst', id: 'a', count: 30 })
await shows('b2 a29|29')
await post({ what: 'delete', id: 'b' })
await shows('a29|29')
console.log(document.body.textContent)
process.exit(0)
