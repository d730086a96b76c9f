// Fails where a file is not as prettier writes it. oxfmt, which takes a sixtieth of the time, is asked first: what it would leave alone is well
// formatted. It lays out a few things in another way, long unions of types for one, so prettier decides on what oxfmt would change.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** A program of a development dependency; npm alone has these in its PATH. */
const program = (name) => fileURLToPath(new URL(`../node_modules/.bin/${name}`, import.meta.url))

const first = spawnSync(program('oxfmt'), ['--config', '.prettierrc.json', '--list-different', '.'], {
  encoding: 'utf8',
})
const listed = (first.stdout ?? '').split('\n').filter((line) => line !== '')
// It fails where it would change files, and names them. Where it cannot run (it is native code, made for some platforms), prettier reads all.
const hasRun = first.status === 0 || (first.status === 1 && listed.length > 0)
const doubtful = hasRun ? listed : ['.']
if (doubtful.length > 0) {
  const { status, error } = spawnSync(program('prettier'), ['--check', ...doubtful], { stdio: 'inherit' })
  if (error !== undefined) process.stderr.write(`prettier cannot be run: ${error.message}; run npm ci first\n`)
  process.exitCode = status ?? 1
}
