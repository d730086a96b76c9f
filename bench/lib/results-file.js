import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const FILE = fileURLToPath(new URL('../RESULTS.md', import.meta.url))
const BEGINS = '<!-- npm run bench -- --measures writes what follows -->'
const ENDS = '<!-- and this is its end -->'

/** Puts what was measured in the place of what the last run wrote; what people wrote around it stays. */
export function writeResults(text) {
  const before = readFileSync(FILE, 'utf8')
  const [start, end] = [before.indexOf(BEGINS), before.indexOf(ENDS)]
  if (start === -1 || end < start) throw new Error(`there is no place for results in ${FILE}`)
  writeFileSync(FILE, `${before.slice(0, start)}${BEGINS}\n\n${text}\n\n${before.slice(end)}`)
}
