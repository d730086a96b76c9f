import { describe, expect, it } from 'vitest'
import { isNetwork, networks } from '../../src/shared/networks.ts'

describe('networks', () => {
  it('have addresses of both families, also as sockets of both families name them', () => {
    const set = networks(['127.0.0.1', '10.0.0.0/8', 'fd00::/8'])
    const inside = ['127.0.0.1', '::ffff:127.0.0.1', '10.255.0.1', '::FFFF:10.0.0.7', 'fd12::1']
    const outside = [
      '127.0.0.2',
      '11.0.0.1',
      '::1',
      '::ffff:11.0.0.1',
      'fe80::1',
      '',
      'localhost',
      '10.0.0.1, 10.0.0.2',
    ]
    expect([...inside, ...outside].filter((address) => set.has(address))).toEqual(inside)
    expect(networks([]).has('127.0.0.1')).toBe(false)
  })

  it('are addresses, or addresses with the length of a prefix', () => {
    const good = ['127.0.0.1', '::1', '10.0.0.0/8', '0.0.0.0/0', 'fd00::/128']
    const bad = [
      '',
      'proxy',
      '10.0.0.0/33',
      'fd00::/129',
      '10.0.0.0/',
      '10.0.0.0/8/8',
      '10.0.0.0/-1',
      '10.0/8',
      '10.0.0.0/ 8',
    ]
    expect([...good, ...bad].filter(isNetwork)).toEqual(good)
  })
})
