// The search of the documentation: the index is fetched when somebody begins to type.
import MiniSearch from './minisearch.js'

const box = document.getElementById('search')
const results = document.getElementById('results')
const base = box.dataset.base
let index

const load = async () => {
  index ??= fetch(`${base}search.json`)
    .then((response) => response.text())
    .then((text) =>
      MiniSearch.loadJSON(text, { fields: ['heading', 'page', 'text'], storeFields: ['heading', 'page', 'address'] }),
    )
  return index
}

box.addEventListener('focus', load)
box.addEventListener('input', async () => {
  const words = box.value.trim()
  const found =
    words === ''
      ? []
      : (await load()).search(words, { prefix: true, fuzzy: 0.1, combineWith: 'AND', boost: { heading: 4, page: 2 } })
  if (box.value.trim() !== words) return
  results.hidden = words === ''
  results.replaceChildren(...(found.length === 0 ? [message('Nothing was found.')] : found.slice(0, 20).map(entry)))
})
box.form.addEventListener('submit', (event) => {
  event.preventDefault()
  results.querySelector('a')?.click()
})
document.addEventListener('keydown', (event) => {
  if (event.key === '/' && document.activeElement !== box) {
    event.preventDefault()
    box.focus()
  }
  if (event.key === 'Escape') results.hidden = true
})

function entry({ heading, page, address }) {
  const link = document.createElement('a')
  link.href = base + address
  link.textContent = heading
  const where = document.createElement('span')
  where.textContent = page === heading ? '' : page
  link.append(where)
  return link
}

function message(text) {
  const line = document.createElement('p')
  line.textContent = text
  return line
}
