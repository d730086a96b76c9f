// A process that runs gateways for tests, beside each other and one after another. Ends with the process that started it.
import { closeSync, openSync, writeSync } from 'node:fs'
import { keepFilesPrivate } from '../../dist/server/private-files.js'
import { letHeapGrow } from '../../dist/shared/heap-growth.js'
import { start } from '../../dist/pam-gateway/start.js'

const gateways = new Map()
keepFilesPrivate()
letHeapGrow(100)

process.on('message', ({ number, start: wanted }) => {
  void (wanted === undefined ? stopOne(number) : startOne(number, wanted))
})
process.on('SIGHUP', () => {
  for (const { gateway } of gateways.values()) void gateway.reload()
})
process.on('unhandledRejection', (cause) => {
  for (const { gateway } of gateways.values()) gateway.logger.error({ cause }, 'process.rejection_unhandled')
})
process.on('disconnect', () => process.exit(0))

async function startOne(number, { environment, config, log: path }) {
  process.env = environment
  const log = openSync(path, 'a', 0o600)
  try {
    const gateway = await start(config, log)
    gateways.set(number, { gateway, log })
    process.send({ number, url: gateway.url, issuer: gateway.issuer })
  } catch (error) {
    writeSync(log, `pam-gateway: ${error.message}\n${error.stack}\n`)
    // Parts of it may be open.
    process.exit(1)
  }
}

async function stopOne(number) {
  const { gateway, log } = gateways.get(number)
  gateways.delete(number)
  await gateway.stop()
  closeSync(log)
  process.send({ number })
}
