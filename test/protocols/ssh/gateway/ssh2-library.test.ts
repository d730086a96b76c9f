import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { expect, it } from 'vitest'
import { ssh2 } from '../../../../src/protocols/ssh/gateway/ssh2-library.ts'

it('is 1.17.0: whoever takes another looks at ssh2-library.ts and ssh2-internals.ts first', () => {
  const file = createRequire(import.meta.url).resolve('ssh2/package.json')
  expect((JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version).toBe('1.17.0')
})

it('is a copy of our own, whoever else has loaded the library', () => {
  const require = createRequire(import.meta.url)
  const other = require('ssh2') as object
  expect(ssh2).not.toBe(other)
  expect(require('ssh2')).toBe(other)
})
