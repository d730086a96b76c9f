import { expect, it } from 'vitest'
import { clientHalves } from '../../src/protocols/client.ts'
import { gatewayHalves } from '../../src/protocols/gateway.ts'
import { localHalves } from '../../src/protocols/local.ts'
import { isProtocolName, protocolNames, wordsOf } from '../../src/protocols/names.ts'

it('every list has every protocol, each under its own name', () => {
  for (const list of [gatewayHalves, localHalves, clientHalves]) expect(Object.keys(list)).toEqual(protocolNames)
  for (const name of protocolNames) {
    const { schema } = gatewayHalves[name].target
    expect(schema.safeParse({ type: 'another', name: 'x' }).error?.issues.map(({ path }) => path[0])).toContain('type')
  }
})

it('no program is a client of two protocols', () => {
  const programs = protocolNames.flatMap((name) => [...clientHalves[name].programs])
  expect(new Set(programs).size).toBe(programs.length)
})

it('knows its names, and nothing that every object has', () => {
  expect(protocolNames.every(isProtocolName)).toBe(true)
  for (const word of ['', 'Postgres', 'constructor', '__proto__', 'toString']) expect(isProtocolName(word)).toBe(false)
})

it('has words for every protocol, and for one that it does not know', () => {
  expect(wordsOf('postgres').label).toBe('PostgreSQL')
  expect(wordsOf('constructor').ways).toEqual([{ command: 'pamctl connect NAME', label: 'connect to NAME' }])
  for (const name of protocolNames)
    for (const { command } of wordsOf(name).ways)
      expect(command).toMatch(/^pamctl (connect NAME|ssh-config|kubeconfig NAME)/)
})
