// Motia's own Node client against a server: says as a line of JSON what it saw.
import { Stream } from '@motiadev/stream-client-node'

const [port, token] = process.argv.slice(2)
const base = `http://127.0.0.1:${port}`
const stream = new Stream(`ws://127.0.0.1:${port}`, token ? { protocols: ['Authorization', token] } : undefined)

const post = async (path, body) => {
  const answer = await fetch(base + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`)
}
const until = async (look, what) => {
  const end = Date.now() + 15000
  while (!look()) {
    if (Date.now() > end) throw new Error(`never: ${what}`)
    await new Promise((go) => setTimeout(go, 5))
  }
}

const seen = {}
const group = stream.subscribeGroup('items', 'room', 'n')
const item = stream.subscribeItem('items', 'room', 'a')
const other = stream.subscribeItem('items', 'elsewhere', 'a')
const events = []
group.onEvent('typing', (data) => events.push(['group', data]))
item.onEvent('typing', (data) => events.push(['item', data]))
let changes = 0
item.addChangeListener(() => changes++)

await until(() => Array.isArray(group.getState()), 'the group is synced')
await post('/do', { what: 'set', id: 'b', data: { n: 2 } })
await post('/do', { what: 'set', id: 'a', data: { n: 1 } })
await until(() => group.getState().length === 2 && item.getState(), 'two items')
seen.sorted = group.getState().map((one) => one.id)

await post('/do', { what: 'burst', id: 'a', count: 50 })
await until(() => item.getState().n === 49, 'the last of a burst')
await until(() => group.getState().find((one) => one.id === 'a').n === 49, 'the same in the group')
seen.changes = changes

await post('/do', { what: 'update', id: 'a', data: { extra: 7 } })
await until(() => item.getState().extra === 7, 'an update')
seen.updated = item.getState()

await post('/do', { what: 'send', data: { who: 'ada' } })
await until(() => events.length > 0, 'an event')
seen.events = events

await post('/do', { what: 'delete', id: 'b' })
await post('/do', { what: 'delete', id: 'b' })
await until(() => group.getState().length === 1, 'a deletion')
await post('/do', { what: 'set', id: 'b', data: { n: 3 } })
await until(() => group.getState().length === 2, 'it is made again')
seen.other = other.getState()

item.close()
await post('/do', { what: 'set', id: 'a', data: { n: 100 } })
await until(() => group.getState().find((one) => one.id === 'a').n === 100, 'the group goes on')
seen.left = item.getState()?.n

console.log(JSON.stringify(seen))
process.stdin.once('data', async () => {
  // The server was started anew meanwhile; the client comes back by itself.
  await until(() => group.getState().some((one) => one.id === 'new'), 'what came after the restart')
  console.log(JSON.stringify(group.getState().map((one) => one.id).sort()))
  process.exit(0)
})
