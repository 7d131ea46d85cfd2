// The page's behaviour: asks for the list every two seconds and shows the mail that is chosen. Whatever a mail says
// is set as text; its HTML stands in a sandboxed frame.
/* global document, fetch, setInterval, confirm, location, window */
const REFRESH_MS = 2_000
const list = document.getElementById('list')
const query = document.getElementById('query')
const article = document.getElementById('mail')
let shown = ''

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties)
  made.append(...children)
  return made
}

const people = (addresses) =>
  addresses.map(({ Name, Address }) => (Name ? `${Name} <${Address}>` : Address)).join(', ')

async function refresh() {
  const path = query.value.trim()
    ? `/api/v1/search?limit=100&query=${encodeURIComponent(query.value)}`
    : '/api/v1/messages?limit=100'
  const count = document.getElementById('count')
  try {
    const { total, messages } = await (await fetch(path)).json()
    count.textContent = total === 1 ? '1 mail' : `${total} mails`
    draw(messages)
  } catch {
    count.textContent = 'The mailbox does not answer.'
  }
}

let drawn = ''
function draw(messages) {
  const now = messages.map(({ ID }) => ID).join() + shown
  if (now === drawn) return
  drawn = now
  const focused = document.activeElement?.dataset?.id
  list.replaceChildren(...messages.map(row))
  if (focused) list.querySelector(`[data-id="${focused}"]`)?.focus()
}

function row(mail) {
  const created = new Date(mail.Created)
  const button = element(
    'button',
    { type: 'button' },
    element('time', { dateTime: mail.Created, textContent: created.toLocaleTimeString() }),
    element('span', { className: 'subject', textContent: mail.Subject }),
    element('span', { className: 'who', textContent: `to ${people(mail.To)}` }),
    element('span', { className: 'snippet', textContent: mail.Snippet }),
  )
  button.dataset.id = mail.ID
  button.setAttribute('aria-current', String(mail.ID === shown))
  button.addEventListener('click', () => (location.hash = mail.ID))
  return element('li', {}, button)
}

async function show(id) {
  const answer = await fetch(`/api/v1/message/${encodeURIComponent(id)}`)
  if (!answer.ok) return
  const mail = await answer.json()
  shown = id
  const frame = element('iframe', { title: 'The mail as HTML', src: `/view/${mail.ID}.html` })
  frame.setAttribute('sandbox', 'allow-popups allow-popups-to-escape-sandbox')
  const forms = { HTML: mail.HTML ? frame : null, Text: element('pre', { textContent: mail.Text }) }
  const body = element('div')
  const buttons = Object.entries(forms)
    .filter(([, content]) => content)
    .map(([name, content]) => {
      const button = element('button', { type: 'button', textContent: name })
      button.addEventListener('click', () => {
        for (const each of buttons) each.setAttribute('aria-pressed', String(each === button))
        article.lastElementChild.replaceWith(content)
      })
      return button
    })
  article.replaceChildren(
    element('h2', { textContent: mail.Subject }),
    element('div', { className: 'who', textContent: `from ${people(mail.From ? [mail.From] : [])}` }),
    element('div', { className: 'who', textContent: `to ${people(mail.To)}` }),
    element('div', { className: 'forms' }, ...buttons),
    body,
  )
  buttons[0].click()
  await refresh()
}

query.addEventListener('input', refresh)
document.getElementById('clear').addEventListener('click', async () => {
  if (!confirm('Delete all mails?')) return
  await fetch('/api/v1/messages', { method: 'DELETE' })
  await refresh()
})
window.addEventListener('hashchange', () => void show(location.hash.slice(1)))
if (location.hash) void show(location.hash.slice(1))
await refresh()
setInterval(refresh, REFRESH_MS)
