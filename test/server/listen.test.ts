import { createServer } from 'node:net'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { listenAt } from '../../src/server/listen.ts'

/** Listens there, as the gateway does, and closes again. */
const attempt = async (host: string, port: number): Promise<void> => {
  const server = createServer()
  server.listen(port, host)
  await once(server, 'listening')
  server.close()
}

describe('an address to listen on', () => {
  it('that another process has is named, with its key and what to do', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const address = { key: 'listen.operations', host: '127.0.0.1', port }
    await expect(listenAt(address, () => attempt('127.0.0.1', port))).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: `listen.operations: 127.0.0.1:${port} is in use by another process`,
      hint: 'stop that process, or change listen.operations.port',
    })
    other.close()
    await once(other, 'close')
    await listenAt(address, () => attempt('127.0.0.1', port))
  })

  it('that this machine does not have is named', async () => {
    const address = { key: 'listen', host: '192.0.2.1', port: 1 }
    await expect(listenAt(address, () => attempt('192.0.2.1', 1))).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: 'listen: 192.0.2.1:1 is not an address of this machine',
    })
  })

  it('passes on any other error as it is', async () => {
    const fault = new Error('x')
    await expect(listenAt({ key: 'listen', host: 'h', port: 1 }, () => Promise.reject(fault))).rejects.toBe(fault)
  })
})
