// Builds the documentation as a site of static pages: node scripts/build-site.js [DIRECTORY], default: site. Any web server can serve it.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, posix, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import MiniSearch from 'minisearch'
import { escape, renderPage } from './site/render-page.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const site = process.argv[2] ?? join(root, 'site')
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

// Pages that are not named here are listed last, so that none is lost.
const NAVIGATION = [
  ['Start', ['README.md', 'docs/quickstart.md', 'docs/install.md', 'docs/glossary.md']],
  [
    'Set up',
    [
      'docs/configuration.md',
      'docs/cookbook.md',
      'docs/rule-sets.md',
      'docs/identity-providers.md',
      'docs/identity/',
      'docs/credentials.md',
      'docs/notifications.md',
    ],
  ],
  ['Targets', ['docs/protocols/']],
  [
    'Use',
    [
      'docs/cli.md',
      'docs/scripts.md',
      'docs/dashboard.md',
      'docs/access.md',
      'docs/records.md',
      'docs/reference/',
      'docs/errors.md',
    ],
  ],
  ['Operate', ['docs/operations.md', 'docs/performance.md', 'docs/threat-model.md', 'SECURITY.md']],
]
const REST = 'Inside'

const pages = [
  'README.md',
  'SECURITY.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'bench/RESULTS.md',
  ...readdirSync(join(root, 'docs'), { recursive: true })
    .map((file) => `docs/${file.replaceAll('\\', '/')}`)
    .filter((file) => file.endsWith('.md')),
]
const addressOf = (page) =>
  page === 'README.md' ? 'index.html' : page.replace(/^docs\//, '').replace(/\.md$/, '.html')

// What is not a site that was built here before is not deleted.
if (existsSync(site) && readdirSync(site).length > 0 && !existsSync(join(site, 'search.json'))) {
  console.error(`${site} is not empty and holds no site: name another directory`)
  process.exit(2)
}
rmSync(site, { recursive: true, force: true })
const read = pages.map((page) => ({
  page,
  address: addressOf(page),
  ...renderPage(page, readFileSync(join(root, page), 'utf8'), linkFrom),
}))
const titles = new Map(read.map(({ page, title }) => [page, title]))
for (const one of read) write(one.address, htmlOf(one))
write('search.json', JSON.stringify(searchIndex(read)))
for (const file of ['site.css', 'search.js']) cpSync(join(root, 'scripts', 'site', file), join(site, file))
cpSync(join(root, 'node_modules', 'minisearch', 'dist', 'es', 'index.js'), join(site, 'minisearch.js'))
cpSync(join(root, 'docs', 'screenshots'), join(site, 'screenshots'), { recursive: true })
cpSync(join(root, 'docs', 'pam.schema.json'), join(site, 'pam.schema.json'))
console.log(`${pages.length} pages in ${site}: open ${join(site, 'index.html')}`)

function write(name, text) {
  mkdirSync(dirname(join(site, name)), { recursive: true })
  writeFileSync(join(site, name), text)
}

/** Where a link of a page leads within the site; what is not in it stays as it is written. */
function linkFrom(page, href) {
  if (href.startsWith('#')) return href
  const [path = '', anchor] = href.split('#')
  const target = posix.normalize(posix.join(posix.dirname(page), path))
  const inSite = pages.includes(target) ? addressOf(target) : target.replace(/^docs\//, '')
  const link = posix.relative(posix.dirname(addressOf(page)), inSite)
  return anchor === undefined ? link : `${link}#${anchor}`
}

function htmlOf({ page, address, html, title }) {
  const up = relative(dirname(address), '.').replaceAll('\\', '/')
  const base = up === '' ? '' : `${up}/`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'">
<title>${escape(title)}${page === 'README.md' ? '' : ' · pamctl'}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${base}site.css">
<script type="module" src="${base}search.js"></script>
</head>
<body>
<a class="skip" href="#content">Skip to the text</a>
<header>
<a class="name" href="${base}index.html">pamctl</a> <span>${escape(version)}</span>
<form role="search"><input type="search" id="search" data-base="${base}" placeholder="Search (/)" aria-label="Search the documentation" autocomplete="off"></form>
</header>
<div id="results" hidden></div>
<div class="columns">
<nav aria-label="Pages">
${navigation(address, base)}
</nav>
<main id="content">
${html}
</main>
</div>
</body>
</html>
`
}

function navigation(current, base) {
  const named = NAVIGATION.map(([heading, entries]) => [
    heading,
    entries.flatMap((entry) => pages.filter((page) => (entry.endsWith('/') ? page.startsWith(entry) : page === entry))),
  ])
  const seen = new Set(named.flatMap(([, entries]) => entries))
  return [...named, [REST, pages.filter((page) => !seen.has(page))]]
    .map(([heading, entries]) => {
      const items = entries.map((page) => {
        const address = addressOf(page)
        const here = address === current ? ' aria-current="page"' : ''
        return `<li><a href="${base}${address}"${here}>${escape(titles.get(page) ?? page)}</a></li>`
      })
      return `<h2>${heading}</h2>\n<ul>\n${items.join('\n')}\n</ul>`
    })
    .join('\n')
}

function searchIndex(all) {
  const index = new MiniSearch({ fields: ['heading', 'page', 'text'], storeFields: ['heading', 'page', 'address'] })
  for (const { address, title, sections } of all)
    for (const { id, heading, text } of sections)
      index.add({ id: `${address}#${id}`, address: `${address}#${id}`, heading, page: title, text })
  return index
}
