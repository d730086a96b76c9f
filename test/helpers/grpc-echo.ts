import {
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  status,
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  type ServerUnaryCall,
  type ServiceDefinition,
  type ServiceError,
  type StatusObject,
} from '@grpc/grpc-js'

/** A service of gRPC with a method of each kind, whose messages are bytes. */
export interface EchoServer {
  readonly port: number
  /** What has reached it: paths of methods. */
  readonly calls: string[]
  /** Of those calls, how many the client gave up. */
  readonly cancelled: () => number
  stop(): void
}

const plain = { serialize: (value: Buffer) => value, deserialize: (value: Buffer) => value }
const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
  path: `/pamctl.test.Echo/${name}`,
  requestStream,
  responseStream,
  requestSerialize: plain.serialize,
  requestDeserialize: plain.deserialize,
  responseSerialize: plain.serialize,
  responseDeserialize: plain.deserialize,
})
const service: ServiceDefinition = {
  Unary: method('Unary', false, false),
  Delete: method('Delete', false, false),
  Fail: method('Fail', false, false),
  Hang: method('Hang', false, false),
  Download: method('Download', false, true),
  Upload: method('Upload', true, false),
  Chat: method('Chat', true, true),
}

interface AnyCall extends Pick<ServerUnaryCall<Buffer, Buffer>, 'metadata' | 'sendMetadata'> {
  on(event: 'cancelled', listener: () => void): unknown
}

export async function startGrpcEcho(): Promise<EchoServer> {
  const calls: string[] = []
  let cancelled = 0
  const server = new Server()
  const seen = (name: string, call: AnyCall): Metadata => {
    calls.push(name)
    call.on('cancelled', () => void cancelled++)
    const trailer = new Metadata()
    for (const value of call.metadata.get('authorization')) {
      trailer.set('x-signed-in', value)
      trailer.set('x-signed-in-bin', Buffer.from(value))
    }
    for (const value of call.metadata.get('x-tenant')) trailer.set('x-tenant-was', value)
    for (const value of call.metadata.get('x-tenant-bin')) trailer.set('x-tenant-was-bin', value)
    const head = new Metadata()
    head.set('x-head', 'first')
    call.sendMetadata(head)
    return trailer
  }
  const unary =
    (
      name: string,
      answer: (request: Buffer, signedIn: string) => Buffer | ServiceError | undefined,
    ): handleUnaryCall<Buffer, Buffer> =>
    (call, done) => {
      const trailer = seen(name, call)
      const value = answer(call.request, String(call.metadata.get('authorization')[0] ?? ''))
      if (value instanceof Error) done(value)
      else if (value !== undefined) done(null, value, trailer)
    }
  const download: handleServerStreamingCall<Buffer, Buffer> = (call) => {
    const trailer = seen('Download', call)
    for (let index = 0; index < Number(String(call.request)); index++) call.write(Buffer.alloc(20_000, `${index % 10}`))
    call.end(trailer)
  }
  const upload: handleClientStreamingCall<Buffer, Buffer> = (call, done) => {
    const trailer = seen('Upload', call)
    let [messages, bytes] = [0, 0]
    call.on('data', (chunk: Buffer) => {
      messages++
      bytes += chunk.length
    })
    call.on('end', () => done(null, Buffer.from(`${messages} messages, ${bytes} bytes`), trailer))
  }
  const chat: handleBidiStreamingCall<Buffer, Buffer> = (call) => {
    const trailer = seen('Chat', call)
    call.on('data', (chunk: Buffer) => call.write(Buffer.concat([Buffer.from('re: '), chunk])))
    call.on('end', () => call.end(trailer))
    call.on('error', () => {})
  }
  server.addService(service, {
    Unary: unary('Unary', (request, signedIn) =>
      String(request) === 'who' ? Buffer.from(`as ${signedIn}`) : Buffer.concat([Buffer.from('re: '), request]),
    ),
    Delete: unary('Delete', (request) => Buffer.concat([Buffer.from('deleted '), request])),
    Fail: unary('Fail', () =>
      Object.assign(new Error('no “such” thing 100%'), {
        code: status.FAILED_PRECONDITION,
        details: 'no “such” thing 100%',
        metadata: new Metadata(),
      }),
    ),
    Hang: unary('Hang', () => undefined),
    Download: download,
    Upload: upload,
    Chat: chat,
  })
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  )
  return { port, calls, cancelled: () => cancelled, stop: () => server.forceShutdown() }
}

/** What a client has of one call. */
export interface Transcript {
  readonly code: number
  readonly details: string
  readonly messages: readonly string[]
  readonly head: Readonly<Record<string, unknown>>
  readonly trailers: Readonly<Record<string, unknown>>
}

export interface EchoClient {
  /** Sends messages to a method of any path, and gives all that comes back. `compressed`: each of them, in gzip. */
  call(path: string, messages: readonly (string | Buffer)[], options?: CallOptions): Promise<Transcript>
  /** A call in both directions. */
  chat(metadata?: Readonly<Record<string, string | Buffer>>): Chat
  stop(): void
}

export interface CallOptions {
  readonly metadata?: Readonly<Record<string, string | Buffer>>
  /** Milliseconds. */
  readonly deadline?: number
  readonly compressed?: boolean
}

export interface Chat {
  readonly messages: string[]
  readonly status: Promise<StatusObject>
  send(text: string): void
  end(): void
  cancel(): void
}

/** `secret`: that of a local port; undefined directly. */
export function grpcEchoClient(port: number, secret: string | undefined): EchoClient {
  const clientOf = (compressed: boolean) =>
    new Client(
      `127.0.0.1:${port}`,
      credentials.createInsecure(),
      compressed ? { 'grpc.default_compression_algorithm': 2 } : {},
    )
  const usual = clientOf(false)
  const compressing = clientOf(true)
  const metadataOf = (more: Readonly<Record<string, string | Buffer>> = {}): Metadata => {
    const metadata = new Metadata()
    if (secret !== undefined) metadata.set('authorization', `Bearer ${secret}`)
    for (const [name, value] of Object.entries(more)) metadata.set(name, value)
    return metadata
  }
  const begin = (client: Client, path: string, { metadata, deadline }: CallOptions) =>
    client.makeBidiStreamRequest<Buffer, Buffer>(
      path,
      plain.serialize,
      plain.deserialize,
      metadataOf(metadata),
      deadline === undefined ? {} : { deadline: Date.now() + deadline },
    )
  return {
    call(path, messages, options = {}) {
      const call = begin(options.compressed === true ? compressing : usual, path, options)
      const seen: string[] = []
      let head: Record<string, unknown> = {}
      call.on('metadata', (metadata: Metadata) => (head = entriesOf(metadata)))
      call.on('data', (chunk: Buffer) => seen.push(chunk.toString('latin1')))
      call.on('error', () => {})
      for (const message of messages) call.write(Buffer.from(message))
      call.end()
      return new Promise((resolve) =>
        call.on('status', ({ code, details, metadata }: StatusObject) =>
          resolve({ code, details, messages: seen, head, trailers: entriesOf(metadata) }),
        ),
      )
    },
    chat(metadata = {}) {
      const call = begin(usual, '/pamctl.test.Echo/Chat', { metadata })
      const seen: string[] = []
      call.on('data', (chunk: Buffer) => seen.push(String(chunk)))
      call.on('error', () => {})
      return {
        messages: seen,
        status: new Promise((resolve) => call.on('status', resolve)),
        send: (text) => void call.write(Buffer.from(text)),
        end: () => call.end(),
        cancel: () => call.cancel(),
      }
    },
    stop() {
      usual.close()
      compressing.close()
    },
  }
}

/** `date` is of the moment. */
const entriesOf = (metadata: Metadata): Record<string, unknown> =>
  Object.fromEntries(
    Object.keys(metadata.getMap())
      .filter((name) => name !== 'date')
      .map((name) => [name, metadata.get(name).map(String)]),
  )
