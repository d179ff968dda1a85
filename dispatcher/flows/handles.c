/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/flows/handles.h"

#include <assert.h>

void handles_init(struct handles *handles, struct handle *table, uint32_t capacity) {
    *handles = (struct handles){
        .table = table,
        .capacity = capacity,
        .free_head = NO_HANDLE,
        .pending_head = NO_HANDLE,
        .pending_tail = NO_HANDLE,
    };
}

uint32_t handles_take(struct handles *handles, uint64_t flow_id, uint16_t *generation) {
    uint32_t number = handles->free_head;
    if (number != NO_HANDLE) {
        handles->free_head = handles->table[number].next;
    } else {
        number = handles->fresh++;
        assert(number < handles->capacity);
    }
    struct handle *handle = &handles->table[number];
    handle->flow_id = flow_id;
    handle->quarantined = 0;
    handles->bound++;
    *generation = handle->generation;
    return number;
}

void handles_end(struct handles *handles, uint32_t number, enum fb_end_reason reason) {
    struct handle *handle = &handles->table[number];
    handle->reason = (uint8_t)reason;
    handle->next = NO_HANDLE;
    if (handles->pending_tail == NO_HANDLE)
        handles->pending_head = number;
    else
        handles->table[handles->pending_tail].next = number;
    handles->pending_tail = number;
    handles->pending++;
    handles->bound--;
}

bool handles_pop_end(struct handles *handles, struct pending_end *end) {
    uint32_t number = handles->pending_head;
    if (number == NO_HANDLE)
        return false;
    const struct handle *handle = &handles->table[number];
    *end = (struct pending_end){
        .flow_id = handle->flow_id,
        .handle = number,
        .generation = handle->generation,
        .reason = (enum fb_end_reason)handle->reason,
    };
    handles->pending_head = handle->next;
    if (handles->pending_head == NO_HANDLE)
        handles->pending_tail = NO_HANDLE;
    handles->pending--;
    return true;
}

void handles_reset(struct handles *handles) {
    handles_init(handles, handles->table, handles->capacity);
}

void handles_give_back(struct handles *handles, uint32_t number) {
    struct handle *handle = &handles->table[number];
    handle->generation++;
    handle->next = handles->free_head;
    handles->free_head = number;
}
