import { expect, it } from 'vitest'
import { guiSettings } from '../../web/features/access/gui.ts'
import { usualPort } from '../../src/shared/usual-port.ts'

const target = {
  name: 'dev-db',
  type: 'postgres',
  labels: {},
  access: '',
  grant: 'standing' as const,
  longestMs: 1,
  reasonRequired: false,
  accounts: ['app', 'other'],
  database: 'app dev&x',
  usualPort: usualPort('dev-db'),
}

it('gives graphical clients what they need, escaped for a URL', () => {
  const { fields, urls } = guiSettings(target) ?? { fields: [], urls: [] }
  expect(Object.fromEntries(fields)).toMatchObject({ Host: '127.0.0.1', Database: 'app dev&x', User: 'app' })
  const [, jdbc] = urls[0] ?? ['', '']
  expect(jdbc).toBe(`jdbc:postgresql://127.0.0.1:${target.usualPort}/app%20dev%26x?user=app&sslmode=disable`)
  const url = new URL(urls[1]?.[1] ?? '')
  expect([url.username, url.port, decodeURIComponent(url.pathname)]).toEqual([
    'app',
    String(target.usualPort),
    '/app dev&x',
  ])
})

it('gives none for targets without such clients, and without a port', () => {
  expect(guiSettings({ ...target, type: 'ssh' })).toBeUndefined()
  expect(guiSettings({ ...target, usualPort: undefined })).toBeUndefined()
})

it('is a port of its own for each target, and the same everywhere', () => {
  expect(usualPort('dev-db')).toBe(usualPort('dev-db'))
  expect(usualPort('dev-db')).not.toBe(usualPort('prod-db'))
})
