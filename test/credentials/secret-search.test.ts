import { gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { SecretSearch } from '../helpers/secret-search.ts'

const SECRET = 'pass "word"/+ä'

it.each<[string, string | Uint8Array]>([
  ['text', `x${SECRET}y`],
  ['UTF-16', Buffer.from(`x${SECRET}y`, 'utf16le')],
  ['hexadecimal', Buffer.from(SECRET).toString('hex')],
  ['JSON', JSON.stringify({ a: SECRET })],
  ['a URL', `?p=${encodeURIComponent(SECRET)}&`],
  ['base64', Buffer.from(`user:${SECRET}`).toString('base64')],
  ['base64', Buffer.from(`ab${SECRET}cd`).toString('base64')],
  ['base64', Buffer.from(`abc${SECRET}`).toString('base64')],
  ['text', gzipSync(`x${SECRET}y`)],
])('the search finds a secret as %s', (spelling, content) => {
  const search = new SecretSearch()
  search.add('a place', content)
  search.add('another', 'nothing of it')
  expect(search.find({ 'the password': SECRET }).join()).toContain(`the password in a place`)
  expect(search.find({ 'the password': SECRET }).join()).toContain(`as ${spelling}`)
  expect(search.find({ other: 'something else' })).toEqual([])
})
