// A refusal of the API, for a page that asked without leaving.
import { json } from '@sveltejs/kit'
import { ZodError } from 'zod'
import { ApiError } from '#lib/server/api.ts'

export async function refusedAsJson(answer: () => Promise<Response>): Promise<Response> {
  try {
    return await answer()
  } catch (error) {
    if (error instanceof ApiError)
      return json({ message: error.message, type: error.type }, { status: error.status })
    if (error instanceof ZodError || error instanceof SyntaxError)
      return json(
        { message: 'The page sent what cannot be read.', type: 'invalid_argument' },
        { status: 400 },
      )
    throw error
  }
}
