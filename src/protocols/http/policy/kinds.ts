import { METHODS } from 'node:http'

/** Those that requests of HTTP can have here: a library knows no others, and two would turn a server into a tunnel or a mirror. */
export const methods: readonly string[] = METHODS.filter((method) => method !== 'CONNECT' && method !== 'TRACE')

/** Every kind of request that the engine tells apart: its method, what it becomes, and what a description does not call safe of GET, HEAD and OPTIONS. */
export const httpKinds: readonly string[] = [
  'websocket',
  'grpc',
  'unsafe',
  ...methods.map((method) => method.toLowerCase()),
]
