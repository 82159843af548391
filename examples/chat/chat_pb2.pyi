from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Said(_message.Message):
    __slots__ = ("join", "text")
    JOIN_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    join: Join
    text: str
    def __init__(self, join: _Optional[_Union[Join, _Mapping]] = ..., text: _Optional[str] = ...) -> None: ...

class Join(_message.Message):
    __slots__ = ("room", "name")
    ROOM_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    room: str
    name: str
    def __init__(self, room: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class Heard(_message.Message):
    __slots__ = ("kind", "name", "text", "members")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        TEXT: _ClassVar[Heard.Kind]
        JOINED: _ClassVar[Heard.Kind]
        LEFT: _ClassVar[Heard.Kind]
    TEXT: Heard.Kind
    JOINED: Heard.Kind
    LEFT: Heard.Kind
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    kind: Heard.Kind
    name: str
    text: str
    members: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, kind: _Optional[_Union[Heard.Kind, str]] = ..., name: _Optional[str] = ..., text: _Optional[str] = ..., members: _Optional[_Iterable[str]] = ...) -> None: ...
