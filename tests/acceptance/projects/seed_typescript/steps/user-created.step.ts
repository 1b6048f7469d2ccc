import { EventConfig, Handlers } from 'motia';

export const config: EventConfig = { name: 'UserCreated', type: 'event', subscribes: ['user.created'], emits: [] };

export const handler: Handlers['UserCreated'] = async (input, { state, traceId }) => {
  await state.set('users', traceId, input)
};
