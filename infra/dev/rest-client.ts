// The REST API as a person's program would use it.

export type RestClient = {
  get<T>(path: string): Promise<T>
  send<T>(
    method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<T>
}

/** The API refused, with these words. */
export class ApiRefusal extends Error {
  override readonly name = 'ApiRefusal'
  readonly status: number
  constructor(what: string, status: number, body: string) {
    super(`${what}: ${status} ${body.slice(0, 1_000)}`)
    this.status = status
  }
}

/** Throws with the problem's own words when the API refuses. */
export function restClient(api: string, token?: string): RestClient {
  const call = async <T>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<T> => {
    const response = await fetch(`${api}${path}`, {
      method,
      headers: {
        ...headers,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    if (!response.ok) throw new ApiRefusal(`${method} ${path}`, response.status, text)
    return (text === '' ? undefined : JSON.parse(text)) as T
  }
  return { get: (path) => call('GET', path), send: call }
}

/** Signs in and returns the API as that person sees it. */
export async function signIn(api: string, account: { email: string; password: string }): Promise<RestClient> {
  const session = await restClient(api).send<{ access_token: string }>('POST', '/auth/login', {
    email: account.email,
    password: account.password,
  })
  return restClient(api, session.access_token)
}
