import { expect, it } from 'vitest'
import type { Target } from '../../src/api/schemas/access.ts'
import { needOpenPort } from '../../src/protocols/need-open-port.ts'

it('a client that is started without the port that it needs is a mistake', () => {
  const target = { name: 'db', type: 'postgres' } as Target
  expect(() => needOpenPort({ host: '127.0.0.1', port: 5432 }, target)).not.toThrow()
  expect(() => needOpenPort(undefined, target)).toThrow('a client of postgres needs an open port')
})
