import { spawnSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { compiled } from '../helpers/compiled.ts'

/** What V8 says to a call of `setFlagsFromString` in a process of its own. */
function saidTo(call: string): string {
  const url = compiled('shared/heap-growth.ts')
  const script = `import { setFlagsFromString } from 'node:v8'; import { letHeapGrow } from '${url}'; ${call}`
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script])
  expect(status).toBe(0)
  return `${String(stdout)}${String(stderr)}`
}

it('V8 knows how much its heap may grow; one that does not only says so', () => {
  expect(saidTo('letHeapGrow(100)')).toBe('')
  expect(saidTo("setFlagsFromString('--heap-of-another-name=100')")).toContain('unrecognized flag')
})
