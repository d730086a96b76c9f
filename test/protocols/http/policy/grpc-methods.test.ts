import { describe, expect, it } from 'vitest'
import { checkGrpcMethod, matchesGrpcMethod } from '../../../../src/protocols/http/policy/grpc-methods.ts'
import { grpcMethodOf } from '../../../../src/protocols/http/grpc/call.ts'

const request = (path: string, isCall = true) => {
  const segments = path.slice(1).split('/')
  return { segments, grpc: isCall ? grpcMethodOf(segments) : undefined }
}

describe('methods of gRPC in rules', () => {
  it.each(['billing.v1.Invoices/Delete', 'Invoices/Delete', 'billing.v1.Invoices/*'])('can be %s', (pattern) => {
    expect(checkGrpcMethod(pattern)).toBeUndefined()
  })

  it.each(['/billing.v1.Invoices/Delete', 'billing.v1.Invoices', 'billing.*/Delete', '*/*', 'a/b/c', 'a..b/C', ''])(
    'cannot be %j',
    (pattern) => {
      expect(checkGrpcMethod(pattern)).toContain('expected SERVICE/METHOD')
    },
  )

  it('allow a call of that very method alone', () => {
    const allows = (path: string, isCall = true): boolean =>
      matchesGrpcMethod('billing.v1.Invoices/Delete', request(path, isCall), true)
    expect(allows('/billing.v1.Invoices/Delete')).toBe(true)
    expect(allows('/billing.v1.Invoices/Delete', false)).toBe(false)
    for (const path of ['/billing.v1.Invoices/delete', '/billing.v1.Invoices/DeleteAll', '/v1.Invoices/Delete'])
      expect(allows(path)).toBe(false)
    expect(matchesGrpcMethod('billing.v1.Invoices/*', request('/billing.v1.Invoices/Any'), true)).toBe(true)
  })

  it.each([
    '/billing.v1.Invoices/Delete',
    '/billing.v1.Invoices/delete',
    '/Billing.V1.Invoices/DELETE/',
    '/grpc/billing.v1.Invoices/Delete',
    '/twirp/billing.v1.Invoices/Delete',
  ])('deny whatever may be taken for it: %s', (path) => {
    expect(matchesGrpcMethod('billing.v1.Invoices/Delete', request(path, false), false)).toBe(true)
    expect(matchesGrpcMethod('billing.v1.Invoices/*', request(path, false), false)).toBe(true)
    expect(matchesGrpcMethod('billing.v1.Invoices/Get', request(path, false), false)).toBe(false)
  })
})
