import { EventConfig, Handlers } from 'motia';

export const config: EventConfig = {
  name: 'EventStep',
  type: 'event',
  subscribes: ['message.sent'], // ← Subscribe to events
  // input schema defines what data to expect
};

export const handler: Handlers['EventStep'] = async (input, ctx) => {
  const seen = { step: 'EventStep', input, trace: ctx.traceId }
  await ctx.state.set('seen', `event ${input.text}`, seen)
};
