import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { S3mini } from 's3mini'
import { freePort } from '../../src/demo/local-postgres.ts'
import { eventually } from './gateway-client.ts'
import { cached } from './test-clients.ts'

/** A real S3 server (Versity S3 Gateway); undefined where it is not installed. */
export const VERSITYGW: string | undefined = cached('bin', 'versitygw')

export interface VersityServer {
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
  /** Makes a bucket and returns its endpoint. */
  bucket(name: string, kind: 'plain' | 'versions' | 'lock'): Promise<string>
  client(endpoint: string): S3mini
  stop(): Promise<void>
}

export async function startVersitygw(): Promise<VersityServer> {
  const directory = mkdtempSync(join(tmpdir(), 'pamctl-test-s3-'))
  for (const name of ['objects', 'versions']) mkdirSync(join(directory, name))
  const port = await freePort()
  const credentials = { accessKeyId: 'AKTEST', secretAccessKey: 'secret-of-the-storage' }
  const child = spawn(
    VERSITYGW ?? '',
    [
      '--port',
      `127.0.0.1:${port}`,
      '--quiet',
      'posix',
      '--versioning-dir',
      join(directory, 'versions'),
      join(directory, 'objects'),
    ],
    {
      env: { ROOT_ACCESS_KEY: credentials.accessKeyId, ROOT_SECRET_KEY: credentials.secretAccessKey },
      stdio: 'ignore',
    },
  )
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const url = `http://127.0.0.1:${port}`
  const client = (endpoint: string): S3mini => new S3mini({ ...credentials, endpoint, region: 'us-east-1' })
  await eventually(
    () =>
      fetch(url).then(
        () => true,
        () => undefined,
      ),
    'the storage answers',
  )
  return {
    credentials,
    client,
    async bucket(name, kind) {
      const endpoint = `${url}/${name}`
      const s3 = client(endpoint)
      await createBucket(s3, kind === 'lock')
      if (kind === 'versions') await s3.setBucketVersioning('Enabled')
      return endpoint
    },
    async stop() {
      child.kill()
      await exited
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** The client library can neither ask for object lock nor leave the location out. */
async function createBucket(s3: S3mini, isLocked: boolean): Promise<void> {
  const signed = s3 as unknown as {
    _signedRequest(method: string, key: string, options: object): Promise<Response>
  }
  const headers = isLocked ? { 'x-amz-bucket-object-lock-enabled': 'true' } : {}
  await signed._signedRequest('PUT', '', { headers })
}
