import { expect, it } from 'vitest'
import { gatewayName } from '../../src/gateway/gateway-name.ts'

it('the name of a gateway is the same for one key, and another for another', () => {
  const name = gatewayName(Buffer.alloc(32, 1))
  expect(name).toMatch(/^[0-9a-f]{16}$/)
  expect(gatewayName(Buffer.alloc(32, 1))).toBe(name)
  expect(gatewayName(Buffer.alloc(32, 2))).not.toBe(name)
})
