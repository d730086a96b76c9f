import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { KnownClients } from '../../src/agent/known-clients.ts'

const [ONE, OTHER] = ['https://one.example.com', 'https://other.example.com']
const CLIENT = { issuer: 'https://idp.example.com', clientId: 'pamctl' }
const shared = expect.objectContaining({ code: 'CLIENT_SHARED' })
const unreadable = expect.objectContaining({ code: 'SECRET_STORE' })

let directory: string
let file: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pam-'))
  file = join(directory, 'known')
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

it('a client is refused where another gateway is known to use it, and only there', () => {
  const known = new KnownClients(file)
  known.check(ONE, CLIENT, [])
  known.add(ONE, CLIENT)
  expect(() => known.check(OTHER, CLIENT, [])).toThrow(shared)
  known.check(ONE, CLIENT, [])
  known.check(OTHER, { ...CLIENT, clientId: 'pamctl-2' }, [])
  // Providers may give the same name to clients of their own.
  known.check(OTHER, { ...CLIENT, issuer: 'https://idp2.example.com' }, [])
})

it('a client is allowed once the gateway was allowed to share it', () => {
  const known = new KnownClients(file)
  known.add(ONE, CLIENT)
  known.add(OTHER, CLIENT)
  known.check(OTHER, CLIENT, [])
  known.check(ONE, CLIENT, [])
  expect(() => known.check('https://third.example.com', CLIENT, [])).toThrow(shared)
})

it('logins from before there was such a file count, too', () => {
  expect(() => new KnownClients(file).check(OTHER, CLIENT, [[ONE, CLIENT]])).toThrow(shared)
  new KnownClients(file).check(ONE, CLIENT, [[ONE, CLIENT]])
})

it('a file that cannot be read is not taken for an empty one', () => {
  for (const text of ['', '{', '[1]', '{"a":1}', 'null']) {
    writeFileSync(file, text)
    expect(() => new KnownClients(file).check(OTHER, CLIENT, []), text).toThrow(unreadable)
    expect(() => new KnownClients(file).add(OTHER, CLIENT), text).toThrow(unreadable)
  }
  rmSync(file)
  mkdirSync(file)
  expect(() => new KnownClients(file).check(OTHER, CLIENT, [])).toThrow(unreadable)
})
