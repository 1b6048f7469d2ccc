// One room, live: what is said, who is there, who is typing. `/?room=NAME` chooses the room.
import { Stream } from '@motiadev/stream-client-browser'

const TYPING_SHOWN_MS = 2_000

const room = new URLSearchParams(location.search).get('room') || 'lobby'
const at = (id) => document.getElementById(id)
const stream = new Stream(location.origin.replace(/^http/, 'ws'))
const messages = stream.subscribeGroup('messages', room)
const people = stream.subscribeGroup('presence', room)

at('room').textContent = room

messages.addChangeListener((items) => {
  const inOrder = [...items].sort((one, other) => one.number - other.number)
  at('messages').replaceChildren(...inOrder.map(line))
  at('messages').lastElementChild?.scrollIntoView()
})

people.addChangeListener((items) => {
  const names = items.map((person) => person.author).sort()
  at('people').replaceChildren(...names.map((name) => element('li', name)))
})

let clearTyping
messages.onEvent('typing', ({ author }) => {
  if (author === at('author').value) return
  at('typing').textContent = `${author} is typing`
  clearTimeout(clearTyping)
  clearTyping = setTimeout(() => (at('typing').textContent = ''), TYPING_SHOWN_MS)
})

let toldAt = 0
at('text').addEventListener('input', () => {
  const now = Date.now()
  if (!at('author').value || now - toldAt < TYPING_SHOWN_MS / 2) return
  toldAt = now
  post('typing', { author: at('author').value })
})

document.querySelector('form').addEventListener('submit', async (event) => {
  event.preventDefault()
  const said = { author: at('author').value, text: at('text').value }
  if ((await post('messages', said)).ok) at('text').value = ''
})

function post(what, body) {
  return fetch(`/rooms/${encodeURIComponent(room)}/${what}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
}

function line({ author, text }) {
  const item = element('li')
  item.append(element('b', author), text)
  return item
}

// Text and never markup: what people write is shown, not run.
function element(name, text = '') {
  const made = document.createElement(name)
  made.textContent = text
  return made
}
