import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { checkAddress, listenAddresses } from '../../../src/server/check/check-listen.ts'

const dataDirectory = mkdtempSync(join(tmpdir(), 'pamctl-check-listen-'))
const taken = createServer()
let address: { key: string; host: string; port: number }
beforeAll(async () => {
  taken.listen(0, '127.0.0.1')
  await once(taken, 'listening')
  address = { key: 'listen.operations', host: '127.0.0.1', port: (taken.address() as AddressInfo).port }
})
afterAll(() => void taken.close())
afterEach(() => rmSync(join(dataDirectory, 'state.db.lock'), { force: true }))
afterAll(() => rmSync(dataDirectory, { recursive: true }))

it('are those of the gateway and of operations, where there are such', () => {
  const listen = { host: '127.0.0.1', port: 8443, operations: undefined, trustedProxies: [], tls: undefined }
  expect(listenAddresses({ listen })).toEqual([{ key: 'listen', host: '127.0.0.1', port: 8443 }])
  const operations = { host: '::1', port: 9464 }
  expect(listenAddresses({ listen: { ...listen, operations } })[1]).toEqual({ key: 'listen.operations', ...operations })
})

describe('an address', () => {
  it('that is free is free afterwards, too', async () => {
    const free = { key: 'listen', host: '127.0.0.1', port: 0 }
    expect(await checkAddress(free, { dataDirectory })).toEqual({ details: ['127.0.0.1:0 is free'] })
  })

  it('that another process has is a failure', async () => {
    await expect(checkAddress(address, { dataDirectory })).rejects.toMatchObject({
      message: `listen.operations: 127.0.0.1:${address.port} is in use by another process`,
      hint: 'stop that process, or change listen.operations.port',
    })
  })

  it('is in use as it should be while the gateway of this configuration runs', async () => {
    // A process that is there, and not this one.
    writeFileSync(join(dataDirectory, 'state.db.lock'), `${process.ppid}\n`)
    expect(await checkAddress(address, { dataDirectory })).toEqual({
      details: [`127.0.0.1:${address.port} is in use: a gateway is running`],
    })
  })

  it('is in use by somebody else where the gateway is not running, whatever it left', async () => {
    writeFileSync(join(dataDirectory, 'state.db.lock'), '2147483646\n')
    await expect(checkAddress(address, { dataDirectory })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })

  it('that this machine does not have is a failure', async () => {
    const elsewhere = { key: 'listen', host: '192.0.2.1', port: 1 }
    await expect(checkAddress(elsewhere, { dataDirectory })).rejects.toMatchObject({
      message: 'listen: 192.0.2.1:1 is not an address of this machine',
    })
  })
})
