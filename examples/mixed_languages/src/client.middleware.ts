import type { ApiMiddleware } from 'motia'

// What this middleware adds is known to every handler.
declare module 'motia' {
  interface ApiRequest<TBody = unknown> {
    client?: string
  }
}

/** Middleware: who sends the request, for the handler to read. */
export const withClient: ApiMiddleware = async (req, ctx, next) => {
  req.client = String(req.headers['x-client'] ?? 'anonymous')
  return next()
}
