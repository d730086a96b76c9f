// One page of the documentation as HTML.
import { Marked } from 'marked'

/** Schemes that links may have; what stands before the first colon is compared as it is, since browsers pass over blanks within it. */
const LINKS = ['http', 'https', 'mailto']

/**
 * The page as HTML, its title, and its sections for the search. Nothing in a page becomes active: HTML in it is shown as text, comments are
 * left out, and links lead to pages and to the schemes of LINKS. `resolve` says where a relative link leads.
 */
export function renderPage(page, markdown, resolve) {
  const marked = new Marked({ gfm: true })
  const slugs = new Map()
  const sections = []
  const sectionsSeen = []
  const linkTo = (href) => {
    const [, scheme] = /^([^/?#:]*):/.exec(href) ?? []
    if (scheme === undefined) return resolve(page, href)
    return LINKS.includes(scheme.toLowerCase()) ? href : undefined
  }
  let title
  marked.use({
    renderer: {
      heading({ tokens, depth, text }) {
        const id = slug(text, slugs)
        const html = this.parser.parseInline(tokens)
        title ??= plain(text)
        sections.push({ id, heading: plain(text), text: '' })
        return `<h${depth} id="${id}">${html} <a class="anchor" href="#${id}" aria-label="Link to this section">#</a></h${depth}>\n`
      },
      link({ href, title: hint, tokens }) {
        const text = this.parser.parseInline(tokens)
        const to = linkTo(href)
        return to === undefined ? text : `<a href="${escape(to)}"${hint ? ` title="${escape(hint)}"` : ''}>${text}</a>`
      },
      image({ href, text }) {
        const from = linkTo(href)
        return from === undefined ? escape(text) : `<img src="${escape(from)}" alt="${escape(text)}" loading="lazy">`
      },
      html({ text }) {
        return escape(text.replaceAll(/<!--[^]*?-->/g, ''))
      },
      table(token) {
        // Wide ones scroll by themselves, and not the page.
        const row = (cells, tag) =>
          `<tr>${cells.map(({ tokens }) => `<${tag}>${this.parser.parseInline(tokens)}</${tag}>`).join('')}</tr>\n`
        const head = token.header.some(({ text }) => text !== '') ? `<thead>${row(token.header, 'th')}</thead>` : ''
        return `<div class="table" tabindex="0"><table>${head}<tbody>${token.rows.map((cells) => row(cells, 'td')).join('')}</tbody></table></div>\n`
      },
    },
    walkTokens(token) {
      if (token.type === 'heading') sectionsSeen.push([])
      else if (['paragraph', 'code', 'table', 'list'].includes(token.type)) sectionsSeen.at(-1)?.push(token.raw)
    },
  })
  const html = marked.parse(markdown)
  sections.forEach((section, index) => (section.text = plain((sectionsSeen[index] ?? []).join(' '))))
  return { html, title: title ?? page, sections }
}

/** As GitHub makes them, so that links work in both places. */
function slug(text, seen) {
  const base = plain(text)
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
  const count = seen.get(base) ?? 0
  seen.set(base, count + 1)
  return count === 0 ? base : `${base}-${count}`
}

function plain(markdown) {
  return markdown
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/[`*|]/g, '')
    .replace(/\s+/g, ' ')
    .trim()
}

export function escape(text) {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}
