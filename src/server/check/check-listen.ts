import { createServer } from 'node:net'
import { join } from 'node:path'
import { asPamError } from '../../shared/errors.ts'
import { errorCode } from '../../shared/file-problem.ts'
import { isOwned } from '../../storage/store-lock.ts'
import type { Config } from '../config/config.ts'
import { listenAt, type ListenAddress } from '../listen.ts'

/** The addresses that a gateway with this configuration listens on. */
export const listenAddresses = ({
  listen: { host, port, operations },
}: Pick<Config, 'listen'>): readonly ListenAddress[] => [
  { key: 'listen', host, port },
  ...(operations === undefined ? [] : [{ key: 'listen.operations', ...operations }]),
]

/**
 * Whether an address can be had: by listening on it for a moment. One that is in use is as it should be where the gateway of this configuration is
 * running, which its data directory says; whoever checks may be another user than the gateway's.
 * @returns what to say of it
 * @throws PamError CONFIG_INVALID where a gateway could not start
 */
export async function checkAddress(
  address: ListenAddress,
  { dataDirectory }: Pick<Config, 'dataDirectory'>,
): Promise<{ readonly details: readonly string[]; readonly warnings?: readonly string[] }> {
  const where = `${address.host}:${address.port}`
  try {
    await listenAt(address, () => listenBriefly(address))
    return { details: [`${where} is free`] }
  } catch (error) {
    const { cause, message } = asPamError(error)
    const code = errorCode(cause)
    if (code === 'EADDRINUSE' && isOwned(join(dataDirectory, 'state.db')))
      return { details: [`${where} is in use: a gateway is running`] }
    if (code === 'EACCES') return { details: [`${where} was not tried`], warnings: [message] }
    throw error
  }
}

function listenBriefly({ host, port }: ListenAddress): Promise<void> {
  const server = createServer((socket) => socket.destroy())
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve()))
  })
}
