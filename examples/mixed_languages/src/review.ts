export enum Stage {
  Submitted = 'submitted',
  Published = 'published',
  Held = 'held',
}

export interface Review {
  id: string
  product: string
  text: string
  stage: `${Stage}`
  client: string
}

export const newReview = (id: string, body: { product: string; text: string }, client: string): Review => ({
  id,
  product: body.product,
  text: body.text,
  stage: Stage.Submitted,
  client,
})
